//! Encryption: a certificate and its key, from two files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tabgraft_model::{Error, Result};
use tokio_rustls::TlsAcceptor;

/// Where certificate and key lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: the server's certificate, and behind it those that lead to the authority.
    pub certificate: PathBuf,
    /// PEM: the certificate's private key.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Reads both.
    ///
    /// # Errors
    /// A malformed error that names the file that is none, or both if they do not belong together.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor> {
        let unread = |path: &Path, what: &str, error: rustls::pki_types::pem::Error| match error {
            rustls::pki_types::pem::Error::Io(error) => Error::io(path, "read", error),
            error => Error::malformed(format!("`{}` holds no {what}: {error}", path.display()))
                .with_hint("give a file of PEM, which begins with `-----BEGIN`"),
        };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect)
            .map_err(|e| unread(&self.certificate, "certificate", e))?;
        if chain.is_empty() {
            let error = rustls::pki_types::pem::Error::NoItemsFound;
            return Err(unread(&self.certificate, "certificate", error));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|e| unread(&self.key, "private key", e))?;
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key));
        let mut config = config.map_err(|error| {
            Error::malformed(format!(
                "`{}` and `{}` are no certificate and its key: {error}",
                self.certificate.display(),
                self.key.display()
            ))
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
