//! Clients that nobody wants.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{interval, timeout},
};
use voxgate::proto::collector::v1::{Respondent, Submission, SubmitStreamRequest, Value, respondent, value};

use super::frames::{END_HEADERS, END_STREAM, Kind, frame, head, opening};
use crate::{
    chaos::{
        history::{Fate, Sent},
        plan::{Answer, Person, Proof, Way},
    },
    identity::API_KEY,
};

/// Their numbers do not meet those of the load.
const FIRST_PERSON: u32 = 10_000_000;
/// Submissions of a stalled stream: as many as fit in the window that every server grants (RFC 9113, 6.9.2).
const STALLED: u32 = 300;
/// Anything that should happen soon.
const SOON: Duration = Duration::from_secs(20);

/// Where they go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hostile {
    http: SocketAddr,
    grpc: SocketAddr,
}

/// What became of slow connections.
#[derive(Debug, Default)]
pub(super) struct Slow {
    pub(super) opened: usize,
    pub(super) left_open: usize,
    pub(super) longest: Duration,
}

impl Hostile {
    pub(super) fn of(http: SocketAddr, grpc: SocketAddr) -> Self {
        Self { http, grpc }
    }

    /// Begins so many bodies and resets the connections.
    pub(super) async fn reset_mid_body(self, count: usize) -> anyhow::Result<()> {
        for _ in 0..count {
            let mut socket = TcpStream::connect(self.http).await?;
            socket.write_all(format!("{}{{\"survey\":", post_head(200)).as_bytes()).await?;
            socket.set_zero_linger()?;
        }
        Ok(())
    }

    /// Keeps so many connections busy with a byte a second each: every other in its head, the rest in their body.
    pub(super) async fn loris(self, count: usize, length: Duration) -> anyhow::Result<Slow> {
        let mut slow = JoinSet::new();
        for place in 0..count {
            let begin = if place % 2 == 0 {
                "POST /v1/responses HTTP/1.1\r\nx-slow: ".to_owned()
            } else {
                post_head(1000)
            };
            slow.spawn(trickle(self.http, begin, length));
        }
        let mut all = Slow { opened: count, ..Slow::default() };
        while let Some(ended) = slow.join_next().await {
            match ended?? {
                Some(after) => all.longest = all.longest.max(after),
                None => all.left_open += 1,
            }
        }
        Ok(all)
    }

    /// Opens so many connections and says nothing.
    pub(super) async fn idle(self, count: usize) -> anyhow::Result<Vec<TcpStream>> {
        let mut held = Vec::with_capacity(count);
        while held.len() < count {
            held.push(timeout(SOON, TcpStream::connect(self.http)).await??);
        }
        Ok(held)
    }

    /// Sends whole answers and is gone; what was sent, as the oracle reads it. Every other is sent again, and waited
    /// for.
    pub(super) async fn gone_before_receipt(self, count: u32) -> anyhow::Result<Vec<(Person, Sent)>> {
        let mut sent = Vec::new();
        for number in FIRST_PERSON..FIRST_PERSON + count {
            let person = Person { number, proof: Proof::References };
            let request = answer(person);
            let mut socket = TcpStream::connect(self.http).await?;
            socket.write_all(&request).await?;
            if number % 2 == 0 {
                socket.set_zero_linger()?;
            }
            drop(socket);
            sent.push((person, unknown(number, Way::Json)));
        }
        for number in (FIRST_PERSON..FIRST_PERSON + count).step_by(2) {
            let person = Person { number, proof: Proof::References };
            let mut again = crate::load::Connection::open(self.http).await?;
            let status = again.exchange(&answer(person)).await?.status;
            anyhow::ensure!(matches!(status, 200 | 201), "a retry was answered with {status}");
            let fate = Fate::Acknowledged { held: false };
            sent.push((person, Sent { ordinal: 1, fate, ..unknown(number, Way::Json) }));
        }
        Ok(sent)
    }

    /// Floods with streams that are reset at once, so many times on each listener; how often it was cut off.
    pub(super) async fn rapid_reset(self, count: usize) -> anyhow::Result<usize> {
        let mut cut_off = 0;
        for _ in 0..count {
            for address in [self.http, self.grpc] {
                timeout(SOON, flood(address)).await??;
                cut_off += 1;
            }
        }
        Ok(cut_off)
    }

    /// So many streams of submissions whose receipts are never read; they stay open as long as what is given back.
    pub(super) async fn stall(self, count: u32) -> anyhow::Result<(Vec<TcpStream>, Vec<(Person, Sent)>)> {
        let (mut streams, mut sent) = (Vec::new(), Vec::new());
        for place in 0..count {
            let first = FIRST_PERSON + place * STALLED;
            let mut socket = TcpStream::connect(self.grpc).await?;
            socket.write_all(&stalled(self.grpc, first)?).await?;
            streams.push(socket);
            let people = (first..first + STALLED).map(|number| {
                (Person { number, proof: Proof::References }, unknown(number, Way::SubmitStream))
            });
            sent.extend(people);
        }
        Ok((streams, sent))
    }
}

/// Whether the other side has ended it.
pub(super) fn is_closed(socket: &TcpStream) -> bool {
    !matches!(socket.try_read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

fn score(number: u32) -> i32 {
    i32::try_from(number % 11).unwrap_or_default()
}

fn unknown(number: u32, way: Way) -> Sent {
    let answer = Answer { score: score(number), reason: None };
    let (at, took) = (Duration::ZERO, Duration::ZERO);
    Sent { ordinal: 0, way, gateway: 0, answer, at, took, fate: Fate::Broken }
}

fn post_head(length: usize) -> String {
    format!(
        "POST /v1/responses HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         authorization: Bearer {API_KEY}\r\ncontent-length: {length}\r\n\r\n"
    )
}

fn answer(person: Person) -> Vec<u8> {
    let body = json!({
        "survey": "support-nps", "brand": "acme", "interaction": person.interaction(),
        "respondent": {"ref": person.respondent()}, "answers": {"recommend": score(person.number)},
    });
    let body = body.to_string();
    format!("{}{body}", post_head(body.len())).into()
}

/// Sends a byte a second; after how long the other side ended it, or none when it did not.
async fn trickle(address: SocketAddr, begin: String, length: Duration) -> anyhow::Result<Option<Duration>> {
    let mut socket = TcpStream::connect(address).await?;
    let opened = Instant::now();
    socket.write_all(begin.as_bytes()).await.ok();
    let (mut read, mut write) = socket.split();
    let slow = async {
        let mut second = interval(Duration::from_secs(1));
        loop {
            second.tick().await;
            if write.write_all(b"x").await.is_err() {
                return;
            }
        }
    };
    let mut reply = Vec::new();
    let ended = async {
        tokio::select! {
            () = slow => {}
            // A reset ends it as well.
            _ = read.read_to_end(&mut reply) => {}
        }
    };
    Ok(timeout(length, ended).await.is_ok().then(|| opened.elapsed()))
}

/// Opens and resets streams until the connection ends.
async fn flood(address: SocketAddr) -> anyhow::Result<()> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(&opening(65_535)?).await?;
    let request =
        head(&[(":method", "GET"), (":scheme", "http"), (":path", "/widget.js"), (":authority", "x")])?;
    let mut stream = 1;
    loop {
        let mut frames = Vec::new();
        for _ in 0..100 {
            frames.extend(frame(Kind::Headers, END_HEADERS | END_STREAM, stream, &request)?);
            frames.extend(frame(Kind::Reset, 0, stream, &8_u32.to_be_bytes())?);
            stream += 2;
        }
        if socket.write_all(&frames).await.is_err() {
            return Ok(());
        }
    }
}

/// A connection with one stream of submissions, of whose receipts nothing is granted.
fn stalled(address: SocketAddr, first: u32) -> anyhow::Result<Vec<u8>> {
    let authority = address.to_string();
    let authorization = format!("Bearer {API_KEY}");
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/voxgate.collector.v1.CollectorService/SubmitStream"),
        (":authority", &authority),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("authorization", &authorization),
    ];
    let mut bytes = opening(0)?;
    bytes.extend(frame(Kind::Headers, END_HEADERS, 1, &head(&fields)?)?);
    for number in first..first + STALLED {
        bytes.extend(frame(Kind::Data, 0, 1, &message(number)?)?);
    }
    Ok(bytes)
}

/// A submission with its gRPC prefix: not compressed, its length.
fn message(number: u32) -> anyhow::Result<Vec<u8>> {
    let person = Person { number, proof: Proof::References };
    let submission = Submission {
        survey: "support-nps".to_owned(),
        brand: "acme".to_owned(),
        interaction: person.interaction(),
        respondent: Some(Respondent { kind: Some(respondent::Kind::Ref(person.respondent())) }),
        answers: BTreeMap::from([(
            "recommend".to_owned(),
            Value { kind: Some(value::Kind::Score(score(number))) },
        )]),
        ..Submission::default()
    };
    let body = encode(&SubmitStreamRequest { sequence: number.into(), submission: Some(submission) });
    let length = u32::try_from(body.len())?.to_be_bytes();
    Ok([&[0], &length[..], &body].concat())
}

fn encode(message: &impl prost::Message) -> Vec<u8> {
    message.encode_to_vec()
}
