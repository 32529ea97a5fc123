//! go-plugin's own services: the controller that ends the process, and two streams that stay open and silent.

use std::future::ready;
use std::pin::Pin;

use futures_util::{Stream, StreamExt, stream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming, async_trait};
use tracing::debug;

use crate::wire::generated::plugin::{
    ConnInfo, Empty, StdioData, grpc_broker_server::GrpcBroker, grpc_controller_server::GrpcController,
    grpc_stdio_server::GrpcStdio,
};

/// The name that go-plugin asks the health service for.
pub(super) const SERVICE: &str = "plugin";

type Items<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// `plugin.GRPCController`
pub(super) struct Controller {
    end: CancellationToken,
}

impl Controller {
    /// A controller whose `Shutdown` fires `end`.
    pub(super) fn new(end: CancellationToken) -> Self {
        Self { end }
    }
}

#[async_trait]
impl GrpcController for Controller {
    /// The server takes nothing new from here on; this answer still goes out.
    async fn shutdown(&self, _request: Request<Empty>) -> Result<Response<Empty>, Status> {
        debug!("shutdown asked for");
        self.end.cancel();
        Ok(Response::new(Empty {}))
    }
}

/// `plugin.GRPCBroker`: Terraform opens it and no provider uses it.
pub(super) struct Broker {
    end: CancellationToken,
}

impl Broker {
    /// A broker whose streams close with `end`.
    pub(super) fn new(end: CancellationToken) -> Self {
        Self { end }
    }
}

#[async_trait]
impl GrpcBroker for Broker {
    async fn start_stream(&self, request: Request<Streaming<ConnInfo>>) -> Result<Response<Items<ConnInfo>>, Status> {
        let drained = request.into_inner().filter_map(|_| ready(None));
        Ok(Response::new(Box::pin(drained.take_until(self.end.clone().cancelled_owned()))))
    }
}

/// `plugin.GRPCStdio`: Terraform logs whatever arrives as unexpected data, so nothing does.
pub(super) struct Stdio {
    end: CancellationToken,
}

impl Stdio {
    /// A stream that closes with `end`.
    pub(super) fn new(end: CancellationToken) -> Self {
        Self { end }
    }
}

#[async_trait]
impl GrpcStdio for Stdio {
    async fn stream_stdio(&self, _request: Request<()>) -> Result<Response<Items<StdioData>>, Status> {
        Ok(Response::new(Box::pin(stream::pending().take_until(self.end.clone().cancelled_owned()))))
    }
}
