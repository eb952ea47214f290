//! A site on a port of its own that serves one page: the host of a widget, a frame or a copy of a page.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Gone when dropped.
pub(crate) struct HostPage {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl HostPage {
    pub(crate) async fn of(html: String) -> Self {
        Self::with_head("", html).await
    }

    /// With further header fields, each line ended.
    pub(crate) async fn with_head(head: &str, html: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let length = html.len();
        let reply = Arc::new(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\n{head}content-length: {length}\r\n\
             connection: close\r\n\r\n{html}"
        ));
        let (seen, mut tasks) = (Arc::clone(&asked), JoinSet::new());
        tasks.spawn(async move {
            // A browser opens connections ahead and may not use them, so none may wait for another.
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(answer(socket, Arc::clone(&reply), Arc::clone(&seen)));
            }
        });
        Self { url, asked, _tasks: tasks }
    }

    /// The first line of each request that came.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(mut socket: TcpStream, reply: Arc<String>, seen: Arc<Mutex<Vec<String>>>) {
    let mut request = [0; 8192];
    let Ok(length @ 1..) = socket.read(&mut request).await else { return };
    let line = String::from_utf8_lossy(&request[..length]).lines().next().unwrap_or_default().to_owned();
    seen.lock().unwrap().push(line);
    // A browser that has gone away needs no page.
    socket.write_all(reply.as_bytes()).await.ok();
}
