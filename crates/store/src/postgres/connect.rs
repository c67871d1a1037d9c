//! Connections to PostgreSQL: a pool of them, as the options say.

use std::ops::Deref;
use std::time::Duration;

use countersign_service::ports::store::StoreError;
use deadpool_postgres::{ClientWrapper, Manager, ManagerConfig, Object, RecyclingMethod, Runtime};
use tokio_postgres::NoTls;

use crate::fault::Fault;

/// A connection out of the pool; dropped without being released, it is closed.
pub(super) struct Client {
    object: Option<Object>,
}

impl Client {
    pub(super) fn release(mut self) {
        drop(self.object.take());
    }
}

impl Deref for Client {
    type Target = ClientWrapper;

    #[allow(clippy::expect_used)]
    fn deref(&self) -> &ClientWrapper {
        self.object.as_ref().expect("held until it is released")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}

/// Connections that are kept.
#[derive(Clone)]
pub(super) struct Pool(deadpool_postgres::Pool);

impl Pool {
    pub(super) fn plain(url: &str, size: usize) -> Result<Self, Fault> {
        let config: tokio_postgres::Config = url.parse()?;
        let manager =
            Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(Duration::from_secs(30)))
            .build()
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self(pool))
    }

    /// A connection that can be trusted.
    pub(super) async fn get(&self) -> Result<Client, Fault> {
        let object = self.0.get().await.map_err(|error| match error {
            deadpool_postgres::PoolError::Backend(error) => Fault::from(error),
            other => StoreError::Unavailable(other.to_string()).into(),
        })?;
        Ok(Client { object: Some(object) })
    }
}
