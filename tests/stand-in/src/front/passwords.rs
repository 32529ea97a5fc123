//! Passwords that clients set with SQL: Neon's computes report them to the control plane, in clear
//! (`pgxn/neon/neon_ddl_handler.c` of <https://github.com/neondatabase/neon>), so that `reveal_password` shows them.

/// Statements that are longer are not looked at.
const LONGEST: usize = 64 << 10;

/// The roles whose password a message of a client sets, with `CREATE` or `ALTER ROLE`; none for `PASSWORD NULL`.
pub(super) fn set_by(kind: u8, body: &[u8]) -> Vec<(String, Option<String>)> {
    if !matches!(kind, b'Q' | b'P') || body.len() > LONGEST {
        return Vec::new();
    }
    of_roles(&String::from_utf8_lossy(body))
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

    #[test]
    fn statements_alone_are_looked_at() {
        let statement = b"CREATE USER u PASSWORD 'p'\0";
        assert_eq!(set_by(b'Q', statement), [("u".to_owned(), Some("p".to_owned()))]);
        assert_eq!(set_by(b'P', statement), set_by(b'Q', statement));
        assert_eq!(set_by(b'd', statement), []);
        assert_eq!(set_by(b'Q', &[statement.as_slice(), &vec![b' '; LONGEST]].concat()), []);
    }
}
