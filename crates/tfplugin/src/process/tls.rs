//! Mutual TLS with the parent: it pins our certificate by the handshake line, we pin its by `PLUGIN_CLIENT_CERT`.
//!
//! go-plugin's client certificate is self-signed, a CA and P-521. A chain check refuses it as an end entity, and the
//! ring provider cannot verify P-521; so the bytes are compared and the handshake's signature is checked by aws-lc-rs.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use tokio_rustls::TlsAcceptor;

/// The name that go-plugin's client verifies.
const SERVER_NAME: &str = "localhost";

/// Why there can be no TLS, and so no service.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// `PLUGIN_CLIENT_CERT` holds no certificate.
    #[error("PLUGIN_CLIENT_CERT holds no certificate in PEM form: {0}")]
    ClientCertificate(#[from] rustls::pki_types::pem::Error),
    /// Our own certificate could not be made.
    #[error("own certificate could not be made: {0}")]
    OwnCertificate(#[from] rcgen::Error),
    /// The pieces do not make a TLS configuration.
    #[error("TLS could not be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// The server side of TLS for one parent.
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    /// Our certificate as the handshake line carries it: base64 of the DER form, standard alphabet, no padding.
    pub(super) certificate: String,
}

impl Tls {
    /// Makes a certificate of our own and admits only the client whose certificate is `client_pem`.
    pub(super) fn for_client(client_pem: &str) -> Result<Self, Error> {
        let client = CertificateDer::from_pem_slice(client_pem.as_bytes())?;
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let certificate = own_certificate(&key)?;
        let encoded = STANDARD_NO_PAD.encode(&certificate);

        let provider = Arc::new(aws_lc_rs::default_provider());
        let only =
            Arc::new(OnlyThisClient { certificate: client, algorithms: provider.signature_verification_algorithms });
        let mut config = config(provider, only, certificate, &key)?;
        // grpc-go refuses a server that does not negotiate HTTP/2.
        config.alpn_protocols = vec![b"h2".to_vec()];
        // One parent, one connection: nothing is ever resumed.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate: encoded })
    }
}

fn config(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ClientCertVerifier>,
    certificate: CertificateDer<'static>,
    key: &KeyPair,
) -> Result<ServerConfig, rustls::Error> {
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))
}

/// A certificate that go-plugin's client takes as its only root and as the server's at once.
/// It lives as long as this process; its dates are as wide as they can be, for machines with a wrong clock.
fn own_certificate(key: &KeyPair) -> Result<CertificateDer<'static>, rcgen::Error> {
    let mut params = CertificateParams::new(vec![SERVER_NAME.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, SERVER_NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params.self_signed(key)?.der().clone())
}

/// Admits the holder of one certificate and nobody else. A client without a certificate is refused.
#[derive(Debug)]
struct OnlyThisClient {
    certificate: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for OnlyThisClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        true
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if *end_entity == self.certificate {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client_pem() -> String {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
        CertificateParams::new(vec![SERVER_NAME.to_owned()]).unwrap().self_signed(&key).unwrap().pem()
    }

    #[test]
    fn text_that_is_no_certificate_is_refused() {
        for text in ["no PEM", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            assert!(matches!(Tls::for_client(text), Err(Error::ClientCertificate(_))), "{text}");
        }
    }

    #[test]
    fn the_line_carries_the_certificate_unpadded() {
        let tls = Tls::for_client(&client_pem()).unwrap();
        assert!(tls.certificate.len() > 50, "shorter ones count as absent");
        assert!(!tls.certificate.contains(['=', '-', '_', '\n', '|']));
        assert!(STANDARD_NO_PAD.decode(&tls.certificate).is_ok());
    }

    #[test]
    fn only_the_very_certificate_is_admitted() {
        let mine = CertificateDer::from_pem_slice(client_pem().as_bytes()).unwrap();
        let other = CertificateDer::from_pem_slice(client_pem().as_bytes()).unwrap();
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        let verifier = OnlyThisClient { certificate: mine.clone(), algorithms };
        assert!(verifier.verify_client_cert(&mine, &[], UnixTime::now()).is_ok());
        assert!(verifier.verify_client_cert(&other, std::slice::from_ref(&mine), UnixTime::now()).is_err());
        assert!(verifier.client_auth_mandatory());
        assert!(verifier.supported_verify_schemes().contains(&SignatureScheme::ECDSA_NISTP521_SHA512));
    }
}
