//! Momentum contrast (He et al. 2019; v2: Chen et al. 2020): a query encoder learns to find, among the keys of many other
//! pictures, the key that a slowly following copy of it makes of another view of the same picture.

mod judging;
mod keys;
mod queue;
#[cfg(test)]
mod tests;

use super::{
    checkpoint::{Loaded, Texts},
    embed::Seen,
    eval::features,
    method::{Job, Judge, Method, Place, Report},
    model::{Model, copy},
    network::Shape,
    parameters::Format,
    pictures::{Colours, Pictures},
    preview, replicas,
    session::Session,
    start::{self, Beginning, From},
    training::{self, Ended},
    views::{Draws, view},
};
use anyhow::{Result, ensure};
use mocolab::{
    event::Started,
    experiment, metrics,
    random::{Purpose, Random},
    schedule::cosine,
};
use queue::{Queue, info_nce, unit};
use tch::{Device, Tensor, no_grad};

/// Momentum contrast under way.
pub struct Moco<'a> {
    settings: &'a experiment::Moco,
    job: &'a Job,
    shape: Shape,
    replicas: Vec<Replica>,
    /// Keys of the step's batch, part by part, `[n, d]`, on the first device: enqueued when all are there.
    keys: Vec<Tensor>,
    val_queue: Queue,
    test: Pictures,
    learnt: Vec<i64>,
    held_out: Vec<i64>,
    colours: Colours,
    beginning: Beginning,
}

/// Both encoders, the queue and the training pictures on one device.
struct Replica {
    query: Model,
    key: Model,
    queue: Queue,
    train: Pictures,
}

/// Two views of the pictures of a step on one device, `[n, 3, h, w]` each.
pub type Views = [Tensor; 2];

/// Trains as `settings` say.
///
/// # Errors
/// Where the record or a checkpoint can't be written or read, the loss is no longer a number, or features collapse.
pub fn run(settings: &experiment::Moco, job: &Job, session: &mut Session) -> Result<Ended> {
    training::run(job, session, |format, from| Moco::new(settings, job, (format, from)))
}

impl<'a> Moco<'a> {
    /// Before the first step: the key encoder equals the query encoder.
    ///
    /// # Errors
    /// Where the first weights can't be had from where the settings say.
    pub fn new(settings: &'a experiment::Moco, job: &'a Job, (format, from): (Format, &From)) -> Result<Self> {
        let (dataset, seed, lead) = (&job.dataset, job.experiment.seed, job.devices[0]);
        let shape = Shape {
            arch: settings.arch,
            stem: settings.stem,
            head: settings.head,
            hidden: settings.hidden.get() as i64,
            outputs: settings.dim.get() as i64,
        };
        let mut query = Model::new(shape, seed, (format, lead));
        let mut beginning = Beginning::read(job, from)?;
        beginning.give(&mut query, true)?;
        let (learnt, held_out) = start::parts(&job.strata, settings.judging.val_fraction.get(), beginning.split_seed);
        let own = || Colours::choose(settings.views.normalise, &dataset.train, &learnt);
        let colours = beginning.colours.unwrap_or_else(own);
        let parts = (settings.bn_splits.get() * settings.descent.accumulate.get()) as usize * job.devices.len();
        let batch = learnt.len().min(settings.descent.batch.get() as usize);
        ensure!(
            batch / parts >= 2,
            "a batch of {batch} images in {parts} parts leaves batch norms nothing to average: fewer `bn_splits`, devices or \
             `accumulate`, or a larger `batch`"
        );
        let size = (dataset.height, dataset.width);
        let queue = |size, number, device| Queue::draw((size, shape.outputs), (seed, number), device);
        let replica = |device| Replica {
            query: query.copy(device),
            key: query.copy(device),
            queue: queue(settings.queue.get() as i64, 0, device),
            train: Pictures::new(&dataset.train, size, device),
        };
        let val_size = match i64::from(settings.val_queue) {
            // A picture must not meet its own key of the last evaluation as a negative.
            0 => (settings.queue.get() as i64).min((held_out.len().saturating_sub(batch)) as i64).max(1),
            size => size,
        };
        Ok(Self {
            replicas: job.devices.iter().map(|device| replica(*device)).collect(),
            keys: Vec::new(),
            val_queue: queue(val_size, 1, lead),
            test: Pictures::new(&dataset.test, size, lead),
            settings,
            job,
            shape,
            learnt,
            held_out,
            colours,
            beginning,
        })
    }

    fn lead(&self) -> &Replica {
        &self.replicas[0]
    }

    /// Two normalised views of the pictures `images` in `pictures`, each as drawn. They are made as one
    /// batch: on a GPU the number of operations is what counts.
    fn views(&self, pictures: &Pictures, images: &[i64], [first, second]: [Draws; 2]) -> Views {
        let both = view(&pictures.plain(&images.repeat(2)), &first.followed_by(second));
        let both = self.colours.normalise_view(&both, self.lead().query.format.kind());
        let count = images.len() as i64;
        [both.narrow(0, 0, count), both.narrow(0, count, count)]
    }

    /// What happens to `count` pictures of a view.
    fn drawn(&self, count: usize, random: &mut Random) -> Draws {
        Draws::draw(&self.settings.views, count, (self.job.dataset.height, self.job.dataset.width), random)
    }

    /// What stays of the key encoder at `place`.
    fn key_momentum(&self, place: Place) -> f64 {
        let [first, last] = [self.settings.key_momentum, self.settings.key_momentum_end].map(experiment::Fraction::get);
        cosine(first, last, place.step as f64 / place.steps.saturating_sub(1).max(1) as f64)
    }

    /// key ← m key + (1 - m) query (He et al. 2019, equation 2), all weights at once. The key encoder's running statistics are its own.
    fn follow(&mut self, momentum: f64) {
        for Replica { query, key, .. } in &mut self.replicas {
            let _ = no_grad(|| key.parameters.flat.lerp_(&query.parameters.flat, 1.0 - momentum));
            key.parameters.refresh();
        }
    }
}

impl Method for Moco<'_> {
    type Batch = Vec<Views>;

    fn measures(&self) -> &'static [&'static str] {
        use metrics::{TRAIN_ACCURACY, TRAIN_LOSS, TRAIN_NEGATIVE, TRAIN_POSITIVE, TRAIN_TOP5};
        &[TRAIN_LOSS, TRAIN_ACCURACY, TRAIN_TOP5, TRAIN_POSITIVE, TRAIN_NEGATIVE]
    }

    fn images(&self) -> &[i64] {
        &self.learnt
    }

    fn prepare(&self, images: &[i64], place: Place) -> Vec<Views> {
        let seed = self.job.experiment.seed;
        let mut streams = [Purpose::View, Purpose::SecondView].map(|purpose| place.random(seed, purpose));
        let shares = replicas::share(images, self.replicas.len());
        let views = self.replicas.iter().zip(shares);
        views
            .map(|(replica, images)| {
                let draws = streams.each_mut().map(|random| self.drawn(images.len(), random));
                self.views(&replica.train, images, draws)
            })
            .collect()
    }

    /// The two terms of a symmetric loss are added, as in FAIR's demo; what is measured is their mean.
    fn gradient(&mut self, batch: &Vec<Views>, place: Place) -> (Tensor, Tensor) {
        if place.part == 0 {
            self.follow(self.key_momentum(place));
        }
        let terms: &[[usize; 2]] = if self.settings.symmetric { &[[0, 1], [1, 0]] } else { &[[0, 1]] };
        let keys = self.keys(batch, &terms.iter().map(|[_, key]| *key).collect::<Vec<_>>(), place);
        let counts: Vec<usize> = batch.iter().map(|views| views[0].size()[0] as usize).collect();
        let (splits, temperature) = (self.settings.bn_splits.get() as i64, self.settings.temperature.get());
        let mut from = 0;
        let pieces = batch.iter().zip(&counts).map(|(views, count)| {
            from += count;
            let own = |keys: &Tensor| keys.narrow(0, (from - count) as i64, *count as i64);
            (views.each_ref().map(Tensor::shallow_clone), keys.iter().map(own).collect::<Vec<_>>())
        });
        let mut work: Vec<_> = self.replicas.iter_mut().zip(pieces).collect();
        let answers = replicas::each(&mut work, |(Replica { query, queue, .. }, (views, keys))| {
            let asked: Vec<&Tensor> = terms.iter().map(|[view, _]| &views[*view]).collect();
            let results = query.train(&asked, splits).into_iter().zip(keys).map(|(queries, keys)| {
                info_nce(&unit(&queries), &keys.to_device(query.device()), &queue.keys, temperature)
            });
            let (losses, terms): (Vec<Tensor>, Vec<Tensor>) = results.unzip();
            let loss = losses.into_iter().reduce(|sum, loss| sum + loss).expect("there is a term");
            let count = terms.len() as f64;
            let measured = terms.into_iter().reduce(|sum, term| sum + term).expect("there is a term") / count;
            (query.parameters.gradient(&loss), measured)
        });
        self.keys.extend(keys);
        let (gradients, measures) = answers.into_iter().unzip();
        (replicas::mean(gradients, &counts), replicas::mean(measures, &counts))
    }

    fn weights(&mut self) -> &mut Tensor {
        &mut self.replicas[0].query.parameters.flat
    }

    fn statistics(&mut self) -> Option<&mut Tensor> {
        Some(&mut self.replicas[0].query.buffers.flat)
    }

    fn moved(&mut self) {
        replicas::moved(self.replicas.iter_mut().map(|replica| &mut replica.query));
    }

    fn stepped(&mut self) {
        for keys in std::mem::take(&mut self.keys) {
            self.replicas.iter_mut().for_each(|replica| replica.queue.enqueue(&keys.to_device(replica.query.device())));
        }
    }

    fn evaluate(&mut self, judge: Judge, epoch: u64, last: bool) -> Result<Report> {
        let mut report = Report::default();
        if judge == Judge::Val && !self.held_out.is_empty() {
            self.pretext(epoch, &mut report);
        }
        let due = last || judge == Judge::Test || training::is_due(epoch, u64::from(self.settings.knn_every));
        if due {
            self.look_at_features((judge, epoch), &mut report);
        }
        Ok(report)
    }

    fn see(&self, images: &[i64]) -> Seen {
        let [features, ..] = features((&self.test, images), &self.colours, &self.lead().query, false);
        Seen { features, logits: None }
    }

    fn about(&self, started: &mut Started) {
        started.parameters = self.lead().query.net.count() as u64;
        started.images.insert("val".into(), self.held_out.len() as u64);
        started.chance_loss = Some(self.settings.chance_loss());
    }

    fn beginning(&self) -> &Beginning {
        &self.beginning
    }

    fn shown(&self, images: &[i64], count: usize) -> Vec<Tensor> {
        let steps = 0..count.div_ceil(2) as u64;
        let bytes = |view: &Tensor| self.colours.bytes(view).to_device(Device::Cpu);
        let views = steps.flat_map(|step| {
            let pieces = self.prepare(images, preview::place(step));
            [0, 1].map(|which| Tensor::cat(&pieces.iter().map(|views| bytes(&views[which])).collect::<Vec<_>>(), 0))
        });
        let views = views.take(count);
        std::iter::once(self.lead().train.plain(images).to_device(Device::Cpu)).chain(views).collect()
    }

    fn named(&self, flat: &Tensor) -> Vec<(String, Tensor)> {
        self.lead().query.named(flat)
    }

    fn named_statistics(&self, flat: &Tensor) -> Vec<(String, Tensor)> {
        self.lead().query.named_statistics(flat)
    }

    fn tensors(&self, steps: u64) -> Vec<(String, Tensor)> {
        let Replica { query, key, queue, .. } = self.lead();
        let mut tensors = query.tensors("", steps);
        tensors.extend(key.tensors(KEY, steps));
        for (name, queue) in [(QUEUE, queue), (VAL_QUEUE, &self.val_queue)] {
            tensors.push((name.to_owned(), queue.keys.shallow_clone()));
            tensors.push((format!("{name}.next"), Tensor::from(queue.next)));
        }
        tensors
    }

    fn texts(&self) -> Result<Texts> {
        start::texts(&self.shape, &self.job.dataset.classes, &self.colours, self.beginning.split_seed)
    }

    fn restore(&mut self, from: &Loaded) -> Result<()> {
        for Replica { query, key, queue, .. } in &mut self.replicas {
            query.restore(from, "")?;
            key.restore(from, KEY)?;
            restore_queue(queue, from, QUEUE)?;
        }
        self.keys.clear();
        restore_queue(&mut self.val_queue, from, VAL_QUEUE)
    }
}

/// Of the key encoder's tensors in a checkpoint, before torchvision's names.
const KEY: &str = "key.";
/// The dictionary queue `[K, d]` in a checkpoint; `.next` is its pointer.
const QUEUE: &str = "queue";
/// The queue of the validation split.
const VAL_QUEUE: &str = "val_queue";

fn restore_queue(queue: &mut Queue, from: &Loaded, name: &str) -> Result<()> {
    copy(from, name, &queue.keys)?;
    queue.next = from.tensor(&format!("{name}.next"))?.int64_value(&[]);
    Ok(())
}
