//! Passwords that clients set with SQL: Neon's computes report them to the control plane, in clear
//! (`pgxn/neon/neon_ddl_handler.c` of <https://github.com/neondatabase/neon>), so that `reveal_password` shows them.

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Statements that are longer are passed on without a look.
const LONGEST: u32 = 64 << 10;

/// Passes messages on to the server, and shows what each `CREATE` or `ALTER ROLE` in them sets: the role and its password,
/// or none for `PASSWORD NULL`.
pub(crate) async fn pass_on(
    client: &mut (impl AsyncRead + Unpin),
    server: &mut (impl AsyncWrite + Unpin),
    seen: impl Fn(&str, Option<String>),
) -> Result<()> {
    loop {
        let Ok(kind) = client.read_u8().await else { break };
        let length = client.read_u32().await?;
        server.write_u8(kind).await?;
        server.write_u32(length).await?;
        let body = length.saturating_sub(4);
        if matches!(kind, b'Q' | b'P') && body <= LONGEST {
            let mut text = vec![0; body as usize];
            client.read_exact(&mut text).await?;
            for (role, password) in of_roles(&String::from_utf8_lossy(&text)) {
                seen(&role, password);
            }
            server.write_all(&text).await?;
        } else {
            tokio::io::copy(&mut (&mut *client).take(u64::from(body)), server).await?;
        }
        server.flush().await?;
    }
    Ok(server.shutdown().await?)
}

/// A word of SQL, as far as roles and their passwords are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// Without quotes, in lower case.
    Word(String),
    Identifier(String),
    Literal(String),
    Other(char),
}

fn of_roles(sql: &str) -> Vec<(String, Option<String>)> {
    let tokens = tokens(sql);
    let is = |token: &Token, words: &[&str]| matches!(token, Token::Word(word) if words.contains(&word.as_str()));
    let mut found = Vec::new();
    for statement in tokens.split(|token| *token == Token::Other(';')) {
        let Some(start) =
            statement.windows(2).position(|it| is(&it[0], &["create", "alter"]) && is(&it[1], &["role", "user"]))
        else {
            continue;
        };
        let Some(Token::Word(role) | Token::Identifier(role)) = statement.get(start + 2) else { continue };
        let password = statement.windows(2).find(|it| is(&it[0], &["password"])).map(|it| &it[1]);
        match password {
            Some(Token::Literal(password)) => found.push((role.clone(), Some(password.clone()))),
            Some(token) if is(token, &["null"]) => found.push((role.clone(), None)),
            _ => {}
        }
    }
    found
}

fn tokens(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = sql.chars().peekable();
    while let Some(next) = rest.next() {
        if next == '"' || next == '\'' {
            // `E'…'`: the word before says that a backslash escapes.
            let escapes = next == '\'' && tokens.last() == Some(&Token::Word("e".to_owned()));
            if escapes {
                tokens.pop();
            }
            let mut text = String::new();
            while let Some(character) = rest.next() {
                if character == next && rest.next_if_eq(&next).is_none() {
                    break;
                }
                let taken = if escapes && character == '\\' { rest.next().unwrap_or('\\') } else { character };
                text.push(taken);
            }
            tokens.push(if next == '"' { Token::Identifier(text) } else { Token::Literal(text) });
        } else if next.is_alphanumeric() || next == '_' {
            let mut word = next.to_lowercase().to_string();
            while let Some(character) = rest.next_if(|it| it.is_alphanumeric() || matches!(it, '_' | '$')) {
                word.extend(character.to_lowercase());
            }
            tokens.push(Token::Word(word));
        } else if !next.is_whitespace() {
            tokens.push(Token::Other(next));
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sql: &str) -> Vec<(String, Option<String>)> {
        of_roles(sql)
    }

    #[test]
    fn passwords_are_found_with_their_roles() {
        let set = |role: &str, password: &str| (role.to_owned(), Some(password.to_owned()));
        assert_eq!(
            found("BEGIN; CREATE ROLE \"a \"\"b\"\"\" LOGIN REPLICATION PASSWORD 'it''s; x'; GRANT g TO a"),
            [set("a \"b\"", "it's; x")]
        );
        assert_eq!(found("alter user Me with password E'a\\\\b'"), [set("me", "a\\b")]);
        assert_eq!(found("ALTER ROLE r PASSWORD NULL"), [("r".to_owned(), None)]);
        for other in
            ["CREATE ROLE r LOGIN", "SELECT 'CREATE ROLE r PASSWORD ''x'''", "ALTER ROLE r SET x = 'password'", ""]
        {
            assert_eq!(found(other), [], "{other}");
        }
    }

    #[tokio::test]
    async fn messages_are_passed_on_as_they_are() {
        let message = |kind: u8, body: &[u8]| {
            let length = u32::try_from(body.len() + 4).expect("short").to_be_bytes();
            [&[kind], length.as_slice(), body].concat()
        };
        let long = vec![b'x'; (LONGEST + 10) as usize];
        let sent = [message(b'Q', b"CREATE USER u PASSWORD 'p'\0"), message(b'S', b""), message(b'd', &long)].concat();
        let (mut passed, seen) = (Vec::new(), std::sync::Mutex::new(Vec::new()));
        let note = |role: &str, password| seen.lock().expect("a lock").push((role.to_owned(), password));
        pass_on(&mut sent.as_slice(), &mut passed, note).await.expect("passed on");
        assert_eq!(passed, sent);
        assert_eq!(seen.into_inner().expect("a lock"), [("u".to_owned(), Some("p".to_owned()))]);
    }
}
