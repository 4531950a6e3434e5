//! A port that nobody listens at yet.

use std::net::{SocketAddr, TcpListener};

use tokio::net::TcpSocket;

/// A port that refuses connections until somebody opens it, and that nobody else can have.
pub(crate) struct Port {
    runtime: tokio::runtime::Runtime,
    socket: TcpSocket,
    address: SocketAddr,
}

impl Port {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = socket.local_addr().unwrap();
        Self {
            runtime,
            socket,
            address,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on connections are taken.
    pub(crate) fn open(self) -> TcpListener {
        let listener = {
            let _entered = self.runtime.enter();
            self.socket.listen(16).unwrap().into_std().unwrap()
        };
        listener.set_nonblocking(false).unwrap();
        listener
    }
}
