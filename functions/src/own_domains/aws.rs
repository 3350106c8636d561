//! Own names on AWS: certificates of ACM, validated by the DNS, and distribution tenants of a multi-tenant CloudFront
//! distribution, one for each name.

use aws_config::SdkConfig;
use aws_sdk_acm::types::{CertificateStatus, ValidationMethod};
use aws_sdk_cloudfront::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudfront::types::{Certificate as OwnCertificate, Customizations, DistributionTenant, DomainItem};
use domain::own_domain::{DnsRecord, OwnName};
use domain::sealed::token_hash;

use super::{Asked, Certificate, Edge, EdgeError, Place};

/// CloudFront takes certificates of this region only.
const CERTIFICATES: &str = "us-east-1";

/// ACM and CloudFront.
#[derive(Debug)]
pub struct Aws {
    acm: aws_sdk_acm::Client,
    cloudfront: aws_sdk_cloudfront::Client,
    distribution: String,
}

impl Aws {
    /// Over these settings, with the id of the distribution that own names are tenants of.
    #[must_use]
    pub fn new(settings: &SdkConfig, distribution: String) -> Self {
        let acm = aws_sdk_acm::config::Builder::from(settings)
            .region(aws_sdk_acm::config::Region::from_static(CERTIFICATES))
            .build();
        Self {
            acm: aws_sdk_acm::Client::from_conf(acm),
            cloudfront: aws_sdk_cloudfront::Client::new(settings),
            distribution,
        }
    }

    /// The tenant that a name is, with what a change of it must show; `None` where there is none.
    async fn tenant(&self, name: &OwnName) -> Result<Option<(DistributionTenant, String)>, EdgeError> {
        let found = self
            .cloudfront
            .get_distribution_tenant_by_domain()
            .domain(name.as_str())
            .send()
            .await;
        match found {
            Ok(found) => {
                let tag = found.e_tag.unwrap_or_default();
                Ok(found.distribution_tenant.map(|tenant| (tenant, tag)))
            }
            Err(error) if error.code() == Some("EntityNotFound") => Ok(None),
            Err(error) => Err(said("CloudFront", &error)),
        }
    }

    /// Where the DNS shall lead.
    async fn target(&self, tenant: &DistributionTenant) -> Result<Option<String>, EdgeError> {
        let Some(group) = tenant.connection_group_id() else {
            return Ok(None);
        };
        let found = self.cloudfront.get_connection_group().identifier(group).send().await;
        let found = found.map_err(|error| said("CloudFront", &error))?;
        Ok(found
            .connection_group
            .and_then(|group| group.routing_endpoint)
            .map(|target| target.trim_end_matches('.').to_owned()))
    }

    async fn create(&self, name: &OwnName, own: &Customizations) -> Result<DistributionTenant, EdgeError> {
        let created = self
            .cloudfront
            .create_distribution_tenant()
            .distribution_id(&self.distribution)
            .name(tenant_name(name))
            .domains(item(name))
            .customizations(own.clone())
            .enabled(true)
            .send()
            .await;
        let created = created.map_err(|error| said("CloudFront", &error))?;
        created
            .distribution_tenant
            .ok_or_else(|| EdgeError("CloudFront has made nothing".into()))
    }

    /// Makes a tenant what it shall be.
    async fn update(
        &self,
        (tenant, tag): &(DistributionTenant, String),
        own: Option<Customizations>,
        enabled: bool,
    ) -> Result<DistributionTenant, EdgeError> {
        let updated = self
            .cloudfront
            .update_distribution_tenant()
            .set_id(tenant.id.clone())
            .if_match(tag)
            .set_distribution_id(tenant.distribution_id.clone())
            .set_domains(Some(
                tenant
                    .domains()
                    .iter()
                    .filter_map(|domain| DomainItem::builder().domain(domain.domain()).build().ok())
                    .collect(),
            ))
            .set_connection_group_id(tenant.connection_group_id.clone())
            .set_customizations(own)
            .enabled(enabled)
            .send()
            .await;
        let updated = updated.map_err(|error| said("CloudFront", &error))?;
        updated
            .distribution_tenant
            .ok_or_else(|| EdgeError("CloudFront has changed nothing".into()))
    }
}

/// A tenant's name: letters, digits and hyphens, up to 128.
fn tenant_name(name: &OwnName) -> String {
    format!("own-{}", token_hash(name.as_str()))
}

fn item(name: &OwnName) -> DomainItem {
    DomainItem::builder()
        .domain(name.as_str())
        .build()
        .expect("it has its domain")
}

fn certified(certificate: &str) -> Customizations {
    let certificate = OwnCertificate::builder()
        .arn(certificate)
        .build()
        .expect("it has its name");
    Customizations::builder().certificate(certificate).build()
}

/// What a service of AWS said, for operators.
fn said<E: ProvideErrorMetadata, R>(service: &str, error: &SdkError<E, R>) -> EdgeError {
    EdgeError(match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{service}: {code}: {message}"),
        (Some(code), None) => format!("{service}: {code}"),
        _ => format!("{service} does not answer"),
    })
}

impl Edge for Aws {
    fn request<'a>(&'a self, name: &'a OwnName, token: &'a str) -> Asked<'a, String> {
        Box::pin(async move {
            let requested = self
                .acm
                .request_certificate()
                .domain_name(name.as_str())
                .validation_method(ValidationMethod::Dns)
                .idempotency_token(token)
                .send()
                .await;
            let requested = requested.map_err(|error| said("ACM", &error))?;
            requested
                .certificate_arn
                .ok_or_else(|| EdgeError("ACM has named no certificate".into()))
        })
    }

    fn certificate<'a>(&'a self, certificate: &'a str) -> Asked<'a, Certificate> {
        Box::pin(async move {
            let described = self
                .acm
                .describe_certificate()
                .certificate_arn(certificate)
                .send()
                .await;
            let found = match described {
                Err(error) if error.code() == Some("ResourceNotFoundException") => return Ok(Certificate::Unknown),
                described => described.map_err(|error| said("ACM", &error))?.certificate,
            };
            let Some(found) = found else {
                return Ok(Certificate::Unknown);
            };
            Ok(match found.status() {
                Some(CertificateStatus::Issued) => Certificate::Issued,
                Some(CertificateStatus::PendingValidation) => {
                    let options = found.domain_validation_options().iter();
                    let records = options
                        .filter_map(|option| option.resource_record())
                        .map(|record| DnsRecord {
                            kind: record.r#type().as_str().to_owned(),
                            name: record.name().trim_end_matches('.').to_owned(),
                            value: record.value().trim_end_matches('.').to_owned(),
                        });
                    Certificate::Validating(records.collect())
                }
                status => {
                    let status = status.map_or("nothing", CertificateStatus::as_str);
                    let reason = found.failure_reason().map(|reason| reason.as_str().to_owned());
                    Certificate::Refused(format!("ACM: {}", reason.unwrap_or_else(|| status.to_owned())))
                }
            })
        })
    }

    fn attach<'a>(&'a self, name: &'a OwnName, certificate: &'a str) -> Asked<'a, Place> {
        Box::pin(async move {
            let own = certified(certificate);
            let tenant = match self.tenant(name).await? {
                None => self.create(name, &own).await?,
                Some((tenant, _)) if tenant.distribution_id() != Some(&self.distribution) => {
                    return Err(EdgeError(
                        "CloudFront: another distribution answers under this name".into(),
                    ));
                }
                Some(found) => {
                    let (tenant, _) = &found;
                    if tenant.enabled() == Some(true) && tenant.customizations() == Some(&own) {
                        found.0
                    } else {
                        self.update(&found, Some(own), true).await?
                    }
                }
            };
            let target = self.target(&tenant).await?;
            let id = tenant
                .id
                .ok_or_else(|| EdgeError("CloudFront has named no place".into()))?;
            Ok(Place { id, target })
        })
    }

    fn detach<'a>(&'a self, name: &'a OwnName) -> Asked<'a, bool> {
        Box::pin(async move {
            let Some(found) = self.tenant(name).await? else {
                return Ok(true);
            };
            let (tenant, tag) = &found;
            if tenant.distribution_id() != Some(&self.distribution) {
                // Somebody else's by now.
                return Ok(true);
            }
            if tenant.enabled() != Some(false) {
                self.update(&found, tenant.customizations.clone(), false).await?;
                return Ok(false);
            }
            let deleted = self
                .cloudfront
                .delete_distribution_tenant()
                .set_id(tenant.id.clone())
                .if_match(tag)
                .send()
                .await;
            match deleted {
                Ok(_) => Ok(true),
                Err(error) => match error.code() {
                    Some("EntityNotFound") => Ok(true),
                    // It is not disabled everywhere yet, or has changed since it was read.
                    Some("ResourceNotDisabled" | "PreconditionFailed" | "InvalidIfMatchVersion") => Ok(false),
                    _ => Err(said("CloudFront", &error)),
                },
            }
        })
    }

    fn forget<'a>(&'a self, certificate: &'a str) -> Asked<'a, bool> {
        Box::pin(async move {
            let deleted = self.acm.delete_certificate().certificate_arn(certificate).send().await;
            match deleted {
                Ok(_) => Ok(true),
                Err(error) => match error.code() {
                    Some("ResourceNotFoundException") => Ok(true),
                    Some("ResourceInUseException" | "ConflictException") => Ok(false),
                    _ => Err(said("ACM", &error)),
                },
            }
        })
    }
}
