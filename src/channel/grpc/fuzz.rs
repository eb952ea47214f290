//! Messages and the frames that they come in.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use http_body_util::Full;
use prost::Message as _;
use tonic::{Code, Streaming, codec::Codec as _};
use tonic_prost::ProstCodec;

use super::decode::decode;
use crate::{
    catalog::{Action, ApiKey, IdentityKey},
    proto::collector::v1::{Submission, SubmitRequest, SubmitStreamRequest},
};

/// Size of a message in these tests.
const MESSAGE_BYTES: usize = 4096;

#[test]
fn a_message_that_can_be_decoded_says_the_same_when_encoded_and_decoded_again() {
    let actions = [Action::Submit].into();
    let key = Arc::new(ApiKey { name: "test".to_owned(), brand: "acme".to_owned(), actions, quota: None });
    let identity_key = IdentityKey::new([9; 32]);
    crate::fuzz::run("grpc_message", |bytes| {
        let Ok(request) = SubmitRequest::decode(bytes) else { return };
        let again = SubmitRequest::decode(request.encode_to_vec().as_slice()).unwrap();
        let said = |submission: Submission| {
            let mut submission = decode(submission, &key, &identity_key);
            submission.answers.sort_by(|(one, _), (other, _)| one.cmp(other));
            for problem in &submission.problems {
                assert!(problem.pointer.starts_with('/') && !problem.detail.is_empty(), "{problem:?}");
            }
            format!("{submission:?}")
        };
        assert_eq!(request.submission.map(said), again.submission.map(said));
    });
}

/// Frames as tonic reads them: whole messages, then the end or one error.
#[test]
fn the_frames_of_a_stream_give_bounded_messages_and_one_error_at_the_most() {
    crate::fuzz::run("grpc_frames", |bytes| {
        let decoder = ProstCodec::<SubmitStreamRequest, SubmitStreamRequest>::default().decoder();
        let body = Full::new(Bytes::copy_from_slice(bytes));
        let stream = Streaming::new_request(decoder, body, None, Some(MESSAGE_BYTES));
        let read = super::service::until_broken(stream).take(bytes.len() + 2).collect::<Vec<_>>();
        let items = read.now_or_never().expect("all bytes are there");
        assert!(items.len() <= bytes.len() / 5 + 1);
        let Some((last, before)) = items.split_last() else { return };
        assert!(before.iter().all(Result::is_ok));
        if let Err(status) = last {
            let known = matches!(status.code(), Code::Internal | Code::OutOfRange | Code::Unimplemented);
            assert!(known, "{status:?}");
        }
    });
}
