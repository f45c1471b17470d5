//! A private CA and the certificates it hands out, good and bad.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub struct Ca(CertifiedIssuer<'static, KeyPair>);

impl Ca {
    pub fn new() -> Ca {
        let mut params = params(&[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, key());
        Ca(issuer.unwrap_or_else(|e| panic!("a CA: {e}")))
    }

    /// What `--ca-cert` takes.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server with a certificate for these names.
    pub fn issue(&self, names: &[&str]) -> Arc<ServerConfig> {
        self.sign(params(names))
    }

    /// The same, good until a day that is long past.
    pub fn issue_expired(&self, names: &[&str]) -> Arc<ServerConfig> {
        let mut params = params(names);
        params.not_after = date_time_ymd(2020, 1, 1);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Arc<ServerConfig> {
        let key = key();
        let certificate = params.signed_by(&key, &self.0);
        let certificate = certificate.unwrap_or_else(|e| panic!("a certificate: {e}"));
        server(certificate.der(), &key)
    }
}

/// A server that vouches for itself.
pub fn self_signed(names: &[&str]) -> Arc<ServerConfig> {
    let key = key();
    let certificate = params(names).self_signed(&key);
    let certificate = certificate.unwrap_or_else(|e| panic!("a certificate: {e}"));
    server(certificate.der(), &key)
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).unwrap_or_else(|e| panic!("names for a certificate: {e}"))
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap_or_else(|e| panic!("a key: {e}"))
}

fn server(certificate: &CertificateDer<'static>, key: &KeyPair) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(key.serialize_der());
    let key = key.unwrap_or_else(|e| panic!("a key in DER: {e}"));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_no_client_auth())
        .and_then(|builder| builder.with_single_cert(vec![certificate.clone()], key));
    Arc::new(config.unwrap_or_else(|e| panic!("a TLS server: {e}")))
}
