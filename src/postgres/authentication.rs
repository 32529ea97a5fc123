//! How a server may ask for the password: by SCRAM alone unless the user allows more, as `require_auth` of libpq says (manual, 32.1.2).
//!
//! This holds with and without TLS. A server that has the connection may also be one that was put in its place, and would learn the password from an answer in clear text, or
//! something as good as it from MD5. The driver answers whatever is asked, so the request is looked at before the driver sees it (protocol,
//! 54.7: `AuthenticationCleartextPassword` is 3, `AuthenticationMD5Password` 5).

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};

/// What is accepted beside SCRAM. A server that asks for nothing learns nothing, and is always accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passwords {
    /// As MD5 (`md5`).
    pub(crate) md5: bool,
    /// In clear text (`password`).
    pub(crate) clear_text: bool,
}

impl Passwords {
    /// A list of libpq's words, separated by commas. The error names the words that are known.
    pub(crate) fn parse(require_auth: &str) -> std::result::Result<Self, String> {
        let mut accepted = Self::default();
        for word in require_auth.split(',').map(str::trim) {
            match word {
                "scram-sha-256" => {}
                "md5" => accepted.md5 = true,
                "password" => accepted.clear_text = true,
                _ => return Err(format!("must be a list of `scram-sha-256`, `md5` and `password`, not `{word}`")),
            }
        }
        Ok(accepted)
    }

    fn accept(self, request: usize) -> bool {
        match request {
            3 => self.clear_text,
            5 => self.md5,
            _ => true,
        }
    }
}

/// Why the server's request is not answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct WeakRequest(&'static str);

impl fmt::Display for WeakRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server asks for the password {}, which is not accepted", self.0)
    }
}

impl std::error::Error for WeakRequest {}

/// Looks at the messages of a server until it has authenticated the client.
#[derive(Debug, Default)]
struct Watch {
    /// Type, length and the first number of the message that is being read.
    head: [u8; 9],
    have: usize,
    skip: usize,
    done: bool,
    accepted: Passwords,
}

impl Watch {
    fn of(accepted: Passwords) -> Self {
        Self { accepted, ..Self::default() }
    }

    fn see(&mut self, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes {
            if self.done {
                break;
            }
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            self.head[self.have] = *byte;
            self.have += 1;
            let number = |at: usize| {
                let bytes = [self.head[at], self.head[at + 1], self.head[at + 2], self.head[at + 3]];
                usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX)
            };
            if self.have == 5 && self.head[0] != b'R' {
                (self.skip, self.have) = (number(1).saturating_sub(4), 0);
            } else if self.have == 9 {
                match number(5) {
                    0 => self.done = true,
                    request if self.accepted.accept(request) => {}
                    request => {
                        let how = if request == 3 { "in clear text" } else { "as MD5" };
                        return Err(io::Error::other(WeakRequest(how)));
                    }
                }
                (self.skip, self.have) = (number(1).saturating_sub(8), 0);
            }
        }
        Ok(())
    }
}

/// A stream that ends when the server asks for the password in a way that is not accepted.
pub(super) struct Watched<S> {
    inner: S,
    watch: Watch,
}

impl<S> Watched<S> {
    pub(super) fn new(inner: S, accepted: Passwords) -> Self {
        Self { inner, watch: Watch::of(accepted) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        Poll::Ready(self.watch.see(&buf.filled()[before..]))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl<S: TlsStream + Unpin> TlsStream for Watched<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

/// Makes watched streams out of those of a TLS connector.
#[derive(Clone)]
pub(super) struct Watching<M>(pub(super) M, pub(super) Passwords);

impl<S, M: MakeTlsConnect<S>> MakeTlsConnect<S> for Watching<M>
where
    M::TlsConnect: TlsConnect<S, Stream = M::Stream>,
    <M::TlsConnect as TlsConnect<S>>::Future: Send + 'static,
    <M::TlsConnect as TlsConnect<S>>::Error: 'static,
    M::Stream: 'static,
{
    type Stream = Watched<M::Stream>;
    type TlsConnect = Watching<M::TlsConnect>;
    type Error = M::Error;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Self::TlsConnect, Self::Error> {
        self.0.make_tls_connect(domain).map(|it| Watching(it, self.1))
    }
}

impl<S, C: TlsConnect<S>> TlsConnect<S> for Watching<C>
where
    C::Future: Send + 'static,
{
    type Stream = Watched<C::Stream>;
    type Error = C::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, Self::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let (connecting, accepted) = (self.0.connect(stream), self.1);
        Box::pin(async move { Ok(Watched::new(connecting.await?, accepted)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(letter: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[letter][..], &length, body].concat()
    }

    fn request(number: u32, rest: &[u8]) -> Vec<u8> {
        message(b'R', &[&number.to_be_bytes()[..], rest].concat())
    }

    fn passes_with(accepted: Passwords, messages: &[Vec<u8>]) -> bool {
        let bytes = messages.concat();
        let at_once = Watch::of(accepted).see(&bytes).is_ok();
        let mut watch = Watch::of(accepted);
        assert_eq!(bytes.iter().try_for_each(|it| watch.see(&[*it])).is_ok(), at_once, "byte by byte");
        at_once
    }

    fn passes(messages: &[Vec<u8>]) -> bool {
        passes_with(Passwords::default(), messages)
    }

    #[test]
    fn what_the_user_allows_is_answered_too() {
        for (words, clear_text, md5) in [
            ("scram-sha-256", false, false),
            ("scram-sha-256,md5", false, true),
            ("password", true, false),
            ("md5, password", true, true),
        ] {
            let accepted = Passwords::parse(words).unwrap();
            assert_eq!(passes_with(accepted, &[request(3, b"")]), clear_text, "{words}");
            assert_eq!(passes_with(accepted, &[request(5, b"salt")]), md5, "{words}");
            assert!(passes_with(accepted, &[request(10, b"SCRAM-SHA-256\0\0")]), "{words}");
        }
        for wrong in ["", "none", "!md5", "scram"] {
            assert!(Passwords::parse(wrong).unwrap_err().contains("`scram-sha-256`"), "{wrong}");
        }
    }

    #[test]
    fn only_scram_is_answered() {
        let scram = request(10, b"SCRAM-SHA-256\0\0");
        let later = || vec![message(b'S', b"a\0b\0"), message(b'Z', b"I")];
        assert!(passes(
            &[&[scram.clone(), request(11, b"r=1"), request(12, b"v=1"), request(0, b"")], &later()[..]].concat()
        ));
        assert!(passes(&[request(0, b"")]), "a server that trusts its clients asks for nothing");
        assert!(!passes(&[request(3, b"")]));
        assert!(!passes(&[request(5, b"salt")]));
        assert!(!passes(&[message(b'N', b"notice\0"), scram, request(3, b"")]), "not after something else either");
        // Rows may look like a request.
        assert!(passes(&[request(0, b""), request(3, b"")]));
    }
}
