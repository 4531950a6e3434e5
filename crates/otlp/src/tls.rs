//! Whom the exporter trusts, and how it shows who it is.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{CertificateError, ClientConfig, RootCertStore};

use crate::error::ConfigError;
use crate::failure::Failure;
use crate::protocol::Protocol;

/// The files of the settings, read.
#[derive(Default)]
pub(crate) struct Tls {
    /// None: the system's.
    trusted: Option<Arc<RootCertStore>>,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl Tls {
    pub(crate) fn read(
        certificate: Option<&Path>,
        client_certificate: Option<&Path>,
        client_key: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let mut tls = Self::default();
        if let Some(path) = certificate {
            let mut trusted = RootCertStore::empty();
            for authority in certificates("certificate", path)? {
                trusted.add(authority).map_err(|_| ConfigError::File {
                    option: "certificate",
                    path: path.to_owned(),
                    reason: "holds something that is no certificate of an authority".to_owned(),
                })?;
            }
            tls.trusted = Some(Arc::new(trusted));
        }
        tls.identity = match (client_certificate, client_key) {
            (Some(chain), Some(key)) => {
                Some((certificates("client certificate", chain)?, read_key(key)?))
            }
            (None, None) => None,
            (Some(_), None) => {
                return Err(ConfigError::Incomplete {
                    missing: "client key",
                });
            }
            (None, Some(_)) => {
                return Err(ConfigError::Incomplete {
                    missing: "client certificate",
                });
            }
        };
        if let (Some(_), Some(path)) = (&tls.identity, client_key) {
            tls.config(Protocol::default(), RootCertStore::empty().into())
                .map_err(|_| ConfigError::File {
                    option: "client key",
                    path: path.to_owned(),
                    reason: "is not the key of the client certificate".to_owned(),
                })?;
        }
        Ok(tls)
    }

    /// What a process connects with: made in each anew, because it has locks of its own.
    pub(crate) fn connector(&self, protocol: Protocol) -> Result<Arc<ClientConfig>, Failure> {
        let trusted = match &self.trusted {
            Some(trusted) => trusted.clone(),
            None => system_authorities()?,
        };
        let config = self
            .config(protocol, trusted)
            .map_err(|_| Failure::permanent("TLS cannot be set up with these certificates"))?;
        Ok(Arc::new(config))
    }

    fn config(
        &self,
        protocol: Protocol,
        trusted: Arc<RootCertStore>,
    ) -> Result<ClientConfig, rustls::Error> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(trusted);
        let mut config = match &self.identity {
            Some((chain, key)) => builder.with_client_auth_cert(chain.clone(), key.clone_key())?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = match protocol {
            Protocol::Grpc => vec![b"h2".to_vec()],
            _ => vec![b"http/1.1".to_vec()],
        };
        Ok(config)
    }
}

fn certificates(
    option: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let error = |reason: &str| ConfigError::File {
        option,
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    let text = read(option, path)?;
    let all: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|_| error("is no valid PEM"))?;
    if all.is_empty() {
        return Err(error("holds no certificate in PEM form"));
    }
    Ok(all)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, ConfigError> {
    let text = read("client key", path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| ConfigError::File {
        option: "client key",
        path: path.to_owned(),
        reason: "holds no private key in PEM form".to_owned(),
    })
}

fn read(option: &'static str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path).map_err(|error| ConfigError::File {
        option,
        path: path.to_owned(),
        reason: format!("cannot be read ({})", error.kind()),
    })
}

fn system_authorities() -> Result<Arc<RootCertStore>, Failure> {
    let mut trusted = RootCertStore::empty();
    trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if trusted.is_empty() {
        return Err(Failure::permanent(
            "this system has no certificates of authorities: install them (ca-certificates), or set OTEL_EXPORTER_OTLP_CERTIFICATE",
        ));
    }
    Ok(Arc::new(trusted))
}

/// The name that the receiver's certificate has to be for.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, Failure> {
    ServerName::try_from(host.to_owned()).map_err(|_| {
        Failure::permanent("the endpoint's host is no name that a certificate can be for")
    })
}

/// What is wrong with TLS, if it is TLS that an error came from. Trying again would not help.
pub(crate) fn refusal(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(in_words(found));
        }
        // An io::Error's source is that of what it holds, which would be passed over.
        let held = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .and_then(|held| held.downcast_ref::<rustls::Error>());
        if let Some(found) = held {
            return Some(in_words(found));
        }
        next = error.source();
    }
    None
}

fn in_words(error: &rustls::Error) -> String {
    let words = match error {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::UnknownIssuer => {
                "its certificate comes from no authority that is trusted here (see OTEL_EXPORTER_OTLP_CERTIFICATE)"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another host"
            }
            _ => "its certificate is not valid",
        },
        rustls::Error::AlertReceived(alert) => {
            return format!("it refuses the TLS connection ({alert:?})");
        }
        rustls::Error::InvalidMessage(_) => "it does not speak TLS",
        _ => "TLS fails",
    };
    words.to_owned()
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("own_authorities", &self.trusted.is_some())
            .field("client_certificate", &self.identity.is_some())
            .finish()
    }
}
