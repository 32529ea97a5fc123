//! TLS to a server: certificates are verified unless the address says otherwise.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::error::{Error, Kind, Result};

/// Largest file of root certificates, in bytes: the bundle of a whole operating system has 0.3 MB.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Which certificates are the roots of trust.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Roots {
    /// Those of the operating system (libpq's `sslrootcert=system`).
    #[default]
    System,
    /// These, and no others.
    Certificates(RootCertificates),
}

/// Certificates of a file, as they were parsed. Nothing else of the file is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RootCertificates(Arc<Vec<Vec<u8>>>);

impl RootCertificates {
    /// Parses PEM text; what is no CERTIFICATE block is left out. Error: `Config`, if a block is broken or there is none.
    pub(crate) fn parse(pem: &[u8]) -> Result<Self> {
        let bad = |why: String| Error::new(Kind::Config, why);
        let mut certificates = Vec::new();
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|e| bad(format!("a certificate is broken: {e}")))?;
            store.add(certificate.clone()).map_err(|e| bad(format!("a certificate is broken: {e}")))?;
            certificates.push(certificate.to_vec());
        }
        if certificates.is_empty() {
            return Err(bad("it holds no certificate".to_owned()));
        }
        Ok(Self(Arc::new(certificates)))
    }

    /// The certificates as PEM text, encoded again from what was parsed.
    pub(crate) fn pem(&self) -> String {
        let mut pem = String::new();
        for certificate in self.0.iter() {
            pem.push_str("-----BEGIN CERTIFICATE-----\n");
            let encoded = BASE64.encode(certificate);
            let mut rest = encoded.as_str();
            while !rest.is_empty() {
                let (line, more) = rest.split_at(rest.len().min(64));
                pem.push_str(line);
                pem.push('\n');
                rest = more;
            }
            pem.push_str("-----END CERTIFICATE-----\n");
        }
        pem
    }
}

/// Reads root certificates from a PEM file of the user's. Error: `Config`, if it is no regular file, larger than 4 MiB, or holds no
/// certificate; the content is never part of the message.
pub(crate) fn read_root_certificates(path: &Path) -> Result<RootCertificates> {
    let bad = |why: String| {
        Error::new(Kind::Config, format!("cannot read root certificates from `{}`: {why}", path.display()))
    };
    let read = || -> std::io::Result<std::result::Result<Vec<u8>, &'static str>> {
        // Looked at before it is opened: to open a pipe may wait without end.
        if !std::fs::metadata(path)?.is_file() {
            return Ok(Err("it is not a regular file"));
        }
        let mut content = Vec::new();
        std::fs::File::open(path)?.take(LARGEST + 1).read_to_end(&mut content)?;
        let fits = u64::try_from(content.len()).is_ok_and(|it| it <= LARGEST);
        Ok(if fits { Ok(content) } else { Err("it is larger than 4 MiB") })
    };
    let content = read().map_err(|e| bad(e.to_string()))?.map_err(|why| bad(why.to_owned()))?;
    RootCertificates::parse(&content).map_err(|e| bad(e.message().to_owned()))
}

impl Roots {
    /// What `sslrootcert` says: the word `system`, or the path of a PEM file. Errors as of [`read_root_certificates`].
    pub(crate) fn read(sslrootcert: &str) -> Result<Self> {
        if sslrootcert == "system" {
            return Ok(Self::System);
        }
        read_root_certificates(Path::new(sslrootcert)).map(Self::Certificates)
    }

    /// The certificates as PEM text; `None` for those of the operating system.
    pub(crate) fn pem(&self) -> Option<String> {
        match self {
            Self::System => None,
            Self::Certificates(certificates) => Some(certificates.pem()),
        }
    }
}

/// libpq's `sslmode`, the three that make sense here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tls {
    /// Encrypted; certificate and host name are verified.
    VerifyFull(Roots),
    /// Encrypted; the certificate is not looked at.
    Require,
    /// Plain text.
    Disable,
}

impl Default for Tls {
    fn default() -> Self {
        Self::VerifyFull(Roots::System)
    }
}

impl Tls {
    /// The configuration of rustls; `None` without TLS. Reading the system's roots takes milliseconds: the pool keeps the result.
    pub(super) fn config(&self) -> Result<Option<Arc<ClientConfig>>> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::new(Kind::Tls, e.to_string()))?;
        Ok(match self {
            Self::Disable => None,
            Self::VerifyFull(roots) => {
                Some(Arc::new(builder.with_root_certificates(roots.load()?).with_no_client_auth()))
            }
            Self::Require => Some(Arc::new(
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
                    .with_no_client_auth(),
            )),
        })
    }
}

impl Roots {
    fn load(&self) -> Result<RootCertStore> {
        let mut store = RootCertStore::empty();
        match self {
            Self::System => {
                let found = rustls_native_certs::load_native_certs();
                // Systems carry a few certificates that no parser takes; the rest still counts.
                store.add_parsable_certificates(found.certs);
                if store.is_empty() {
                    return Err(Error::new(
                        Kind::Config,
                        "the operating system has no root certificates to verify the server with",
                    ));
                }
            }
            Self::Certificates(certificates) => {
                store.add_parsable_certificates(certificates.0.iter().map(|it| CertificateDer::from(it.clone())));
            }
        }
        Ok(store)
    }
}

/// `sslmode = require` of libpq: encryption against those who only listen.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> String {
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem()
    }

    #[test]
    fn a_root_file_must_hold_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let why = || read_root_certificates(&path).unwrap_err();
        assert_eq!(why().kind(), Kind::Config);
        std::fs::write(&path, "root:x:0:0\n").unwrap();
        assert!(why().message().ends_with("it holds no certificate"), "{}", why());
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(why().message().contains("a certificate is broken"), "{}", why());
        std::fs::write(&path, certificate()).unwrap();
        assert!(Tls::VerifyFull(Roots::read(path.to_str().unwrap()).unwrap()).config().unwrap().is_some());
        assert_eq!(Roots::read("system").unwrap(), Roots::System);
    }

    #[test]
    fn only_certificates_leave_the_file() {
        let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAA\n-----END PRIVATE KEY-----\n";
        let (one, other) = (certificate(), certificate());
        let both = format!("secret: hunter2\n{one}{key}{other}");
        let parsed = RootCertificates::parse(both.as_bytes()).unwrap();
        assert_eq!(parsed.pem().replace('\r', ""), format!("{one}{other}").replace('\r', ""));
    }

    #[test]
    fn only_regular_files_of_bounded_size_are_read() {
        for device in ["/dev/zero", "/dev"] {
            let error = read_root_certificates(Path::new(device)).unwrap_err();
            assert!(error.message().ends_with("it is not a regular file"), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.pem");
        std::fs::File::create(&path).unwrap().set_len(LARGEST + 1).unwrap();
        let error = read_root_certificates(&path).unwrap_err();
        assert!(error.message().ends_with("larger than 4 MiB"), "{error}");
    }

    #[test]
    fn disable_has_no_configuration() {
        assert!(Tls::Disable.config().unwrap().is_none());
        assert!(Tls::Require.config().unwrap().is_some());
    }
}
