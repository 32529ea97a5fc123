//! TLS to a server: certificates are verified unless the address says otherwise.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::error::{Error, Kind, Result};

/// Which certificates are the roots of trust.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Roots {
    /// Those of the operating system.
    #[default]
    System,
    /// Those of a PEM file, and no others (libpq's `sslrootcert`).
    File(PathBuf),
}

/// libpq's `sslmode`, the three that make sense here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tls {
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
            Self::File(path) => {
                let bad = |why: String| {
                    Error::new(Kind::Config, format!("cannot read root certificates from `{}`: {why}", path.display()))
                };
                for certificate in CertificateDer::pem_file_iter(path).map_err(|e| bad(e.to_string()))? {
                    store.add(certificate.map_err(|e| bad(e.to_string()))?).map_err(|e| bad(e.to_string()))?;
                }
                if store.is_empty() {
                    return Err(bad("it holds no certificate".to_owned()));
                }
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

    #[test]
    fn a_root_file_must_hold_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let missing = Tls::VerifyFull(Roots::File(path.clone())).config().unwrap_err();
        assert_eq!(missing.kind(), Kind::Config);
        std::fs::write(&path, "no certificate\n").unwrap();
        let empty = Tls::VerifyFull(Roots::File(path.clone())).config().unwrap_err();
        assert!(empty.message().ends_with("it holds no certificate"), "{empty}");
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&path, made.cert.pem()).unwrap();
        assert!(Tls::VerifyFull(Roots::File(path)).config().unwrap().is_some());
    }

    #[test]
    fn disable_has_no_configuration() {
        assert!(Tls::Disable.config().unwrap().is_none());
        assert!(Tls::Require.config().unwrap().is_some());
    }
}
