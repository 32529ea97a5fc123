//! A certificate authority of our own, and the server's certificate for this machine's own names and those given.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use super::user::RunAs;

/// The host that clients connect to and verify.
pub(crate) const HOST: &str = "localhost";

/// Files in PEM form.
#[derive(Debug, Clone)]
pub(crate) struct Certificates {
    /// What a client must trust: `sslrootcert`.
    pub(crate) authority: PathBuf,
    /// The server's certificate.
    pub(crate) certificate: PathBuf,
    /// The server's key, readable by the server's user only.
    pub(crate) key: PathBuf,
}

/// Makes an authority, and a server certificate for this machine and `names`, in `folder`.
pub(crate) fn make(folder: &Path, names: &[String], user: RunAs) -> Result<Certificates> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.distinguished_name.push(DnType::CommonName, "neon-stand-in CA");
    let authority_key = KeyPair::generate()?;
    let authority_pem = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);

    let ours = [HOST, "*.localhost", "127.0.0.1", "::1"].map(str::to_owned);
    // rcgen turns addresses into IP entries by itself.
    let mut server = CertificateParams::new(ours.iter().chain(names).cloned().collect::<Vec<_>>())?;
    server.distinguished_name.push(DnType::CommonName, HOST);
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    let server_key = KeyPair::generate()?;
    let server_pem = server.signed_by(&server_key, &issuer)?.pem();

    let certificates = Certificates {
        authority: folder.join("ca.pem"),
        certificate: folder.join("server.pem"),
        key: folder.join("server.key"),
    };
    fs::write(&certificates.authority, authority_pem)?;
    fs::write(&certificates.certificate, server_pem)?;
    fs::write(&certificates.key, "")?;
    fs::set_permissions(&certificates.key, fs::Permissions::from_mode(0o600))?;
    fs::write(&certificates.key, server_key.serialize_pem())?;
    user.own(&certificates.key)?;
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_closed_and_the_authority_open() {
        let folder = tempfile::tempdir().expect("temp dir");
        let certificates = make(folder.path(), &["db".to_owned()], RunAs::choose()).expect("certificates");
        let mode = |path: &Path| fs::metadata(path).expect("file").permissions().mode() & 0o777;
        assert_eq!(mode(&certificates.key), 0o600);
        assert_eq!(mode(&certificates.authority) & 0o044, 0o044);
    }
}
