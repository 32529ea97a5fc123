//! What a streaming call of the protocol answers.

use std::pin::Pin;

use futures_util::Stream;
use tonic::Status;

/// Events until the call ends.
pub(super) type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
