//! What is read from the catalogs of real servers, without Terraform.

mod readiness;
