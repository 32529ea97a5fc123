//! The built binary over real gRPC, by a scripted client that can do what Terraform rarely does.

mod calls;
mod process;
mod tls;
