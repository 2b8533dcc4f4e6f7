#![allow(missing_docs, clippy::all, clippy::unwrap_used, clippy::print_stdout)]
use arrow::array::{ArrayRef, StringArray};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;
use tabgraft_model::train::Event;
use tabgraft_model::*;
use tabgraft_table::Table;
fn load(path: &str) -> Table {
    tabgraft_table::read::read_table(std::path::Path::new(path), &Default::default()).unwrap()
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let t = load(&a[1]);
    let target = &a[2];
    let late: Vec<String> = a[3].split(',').map(String::from).collect();
    let mut quiet = |_: &Event| ControlFlow::Continue(());
    let mut o = FitOptions { name: "v1".into(), ..Default::default() };
    o.infer.ignore = vec![target.clone()];
    o.split.p_test = 0.2;
    let v = |e: &Event| {
        if let Event::Epoch { info, is_best, .. } = e {
            println!(
                "{} {} {:.4} {:?} {} {:.2}",
                info.epoch, info.phase, info.train_loss, info.validation_loss, is_best, info.seconds
            );
        }
        ControlFlow::Continue(())
    };
    let mut v = v;
    let verbose = a.len() > 4;
    let parent_t = t.without(&late).unwrap();
    let mut run = |name: &str, es: &EmbeddingSpace, tb: &Table, secs: f64| -> Predictor {
        let i = Instant::now();
        let p = Predictor::fit(es, tb, target, &PredictorOptions::default(), &mut quiet).unwrap();
        let inf = es.training_info();
        println!(
            "{name:16} es {secs:.2}s best {} of {} old {:?} new {:?}  pred {:.2}s {:?}  {}",
            inf.best_epoch,
            inf.epochs.len(),
            inf.final_validation_loss,
            inf.new_columns_validation_loss,
            i.elapsed().as_secs_f64(),
            p.fit_info().best_epochs,
            p.fit_info()
                .scores
                .iter()
                .map(|s| format!("{} {:.4} [{:.3},{:.3}]", s.metric.name(), s.value, s.low, s.high))
                .take(3)
                .collect::<Vec<_>>()
                .join(" ")
        );
        p
    };
    let fit = |tb: &Table, o: &FitOptions, v: &mut dyn FnMut(&Event) -> ControlFlow<()>| {
        let i = Instant::now();
        let es = EmbeddingSpace::fit(tb, None, o, v).unwrap();
        (es, i.elapsed().as_secs_f64())
    };
    let mut q2 = |_: &Event| ControlFlow::Continue(());
    let (p, s) = if verbose { fit(&parent_t, &o, &mut v) } else { fit(&parent_t, &o, &mut q2) };
    run("parent", &p, &parent_t, s);
    let (f, s) = fit(&t, &o, &mut q2);
    run("full", &f, &t, s);
    let mut oq = o.clone();
    oq.config.n_epochs = Some((p.training_info().epochs.len().max(60) / 4).max(10));
    oq.config.auto_epochs = false;
    let (f, s) = fit(&t, &oq, &mut q2);
    run("scratch", &f, &t, s);
    for mode in [Mode::Frozen, Mode::Joint] {
        let i = Instant::now();
        let c = p.extend(&t, None, &ExtendOptions { mode, ..Default::default() }, &mut q2).unwrap();
        let s = i.elapsed().as_secs_f64();
        run(mode.name(), &c, &t, s);
        println!("   drift {:?}", c.extension_metadata().unwrap().drift);
        let zp = p.embed(&t).unwrap();
        let zc = c.embed(&t).unwrap();
        let same = (0..t.n_rows()).all(|r| zp.row(r) == &zc.row(r)[..zp.d_model]);
        println!("   same {same} d {}", zc.d_model);
        let one = c.embed(&t.slice(7, 1)).unwrap();
        println!("   alone {}", one.row(0) == zc.row(7));
    }
}
