//! Variables, the nodes behind them, and the way back.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Matrix;

/// The way back from a value: its gradient in, those of its parents out.
type Step = Box<dyn FnOnce(Matrix, &mut Flow) + Send>;

/// Where a variable comes from. Cloning names the same node.
#[derive(Clone)]
pub(crate) struct Node(Arc<Origin>);

struct Origin {
    /// Place in the order of creation, of all nodes of the process.
    number: u64,
    /// The way back until it is gone; `None` for a leaf.
    step: Option<Mutex<Option<Step>>>,
}

impl Node {
    fn new(step: Option<Step>) -> Self {
        static N_CREATED: AtomicU64 = AtomicU64::new(0);
        let number = N_CREATED.fetch_add(1, Ordering::Relaxed);
        Node(Arc::new(Origin { number, step: step.map(|step| Mutex::new(Some(step))) }))
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.0.step.is_some() { "step" } else { "leaf" };
        write!(f, "{kind} {}", self.0.number)
    }
}

/// A matrix that remembers how it was computed, if something that trains is behind it.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    value: Matrix,
    node: Option<Node>,
}

impl Variable {
    /// A value that no gradient is wanted of.
    pub fn constant(value: Matrix) -> Self {
        Variable { value, node: None }
    }

    /// A value whose gradient is wanted.
    pub fn leaf(value: Matrix) -> Self {
        Variable { value, node: Some(Node::new(None)) }
    }

    /// What an operation made of its parents. `step` gets the gradient of `value` and the parents' nodes; it
    /// is dropped, with all that it holds, where no parent wants a gradient.
    pub fn recorded<const N: usize>(
        value: Matrix,
        parents: Parents<N>,
        step: impl FnOnce(Matrix, [Option<Node>; N], &mut Flow) + Send + 'static,
    ) -> Self {
        if !parents.want_any() {
            return Variable::constant(value);
        }
        let step: Step = Box::new(move |gradient, flow| step(gradient, parents.0, flow));
        Variable { value, node: Some(Node::new(Some(step))) }
    }

    /// The numbers.
    pub fn value(&self) -> &Matrix {
        &self.value
    }

    /// The numbers alone.
    pub fn into_value(self) -> Matrix {
        self.value
    }

    /// The numbers, to be changed where they are. A leaf stays the same leaf.
    pub fn value_mut(&mut self) -> &mut Matrix {
        &mut self.value
    }

    /// `[n_rows, n_columns]`.
    pub fn shape(&self) -> [usize; 2] {
        self.value.shape()
    }

    /// The gradients of the sum of this variable's entries, at every leaf behind it. The steps on the way are
    /// used up: a second call finds nothing.
    pub fn backward(self) -> Gradients {
        let shape = self.shape();
        let mut flow = Flow::default();
        flow.give(&self.node, || Matrix::new(vec![1.0; shape[0] * shape[1]], shape));
        drop(self);
        let mut gradients = Gradients::default();
        // No node is older than its parents: when the youngest one's turn has come, all who used it are done.
        while let Some((number, (node, gradient))) = flow.waiting.pop_last() {
            let Some(step) = &node.0.step else {
                gradients.of_leaves.insert(number, gradient);
                continue;
            };
            let step = step.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(step) = step {
                step(gradient, &mut flow);
            }
        }
        gradients
    }
}

/// The nodes of an operation's inputs.
pub(crate) struct Parents<const N: usize>([Option<Node>; N]);

impl<const N: usize> Parents<N> {
    /// Of these inputs.
    pub fn of(inputs: [&Variable; N]) -> Self {
        Parents(inputs.map(|input| input.node.clone()))
    }

    /// Whether one of them wants a gradient.
    pub fn want_any(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }
}

/// Gradients on their way back.
#[derive(Default)]
pub(crate) struct Flow {
    waiting: BTreeMap<u64, (Node, Matrix)>,
}

impl Flow {
    /// Gives a parent its gradient, which is only computed if the parent wants one. What several give adds up.
    pub fn give(&mut self, parent: &Option<Node>, gradient: impl FnOnce() -> Matrix) {
        let Some(node) = parent else { return };
        let gradient = gradient();
        match self.waiting.get_mut(&node.0.number) {
            Some((_, sum)) => sum.add_columns(0, &gradient),
            None => {
                self.waiting.insert(node.0.number, (node.clone(), gradient));
            }
        }
    }

    /// Gives a parent of this shape the gradient of its columns from `first` on; that of the others is 0.
    pub fn give_columns(
        &mut self,
        parent: &Option<Node>,
        shape: [usize; 2],
        first: usize,
        gradient: &Matrix,
    ) {
        let Some(node) = parent else { return };
        let waiting = self.waiting.entry(node.0.number);
        let (_, sum) = waiting.or_insert_with(|| (node.clone(), Matrix::zeros(shape)));
        sum.add_columns(first, gradient);
    }
}

/// The gradients of one backward pass.
#[derive(Debug, Default)]
pub(crate) struct Gradients {
    of_leaves: HashMap<u64, Matrix>,
}

impl Gradients {
    /// Takes a leaf's gradient out; `None` if the pass did not reach it, or it is no leaf.
    pub fn take(&mut self, leaf: &Variable) -> Option<Matrix> {
        self.of_leaves.remove(&leaf.node.as_ref()?.0.number)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn one(x: f32) -> Matrix {
        Matrix::new(vec![x], [1, 1])
    }

    fn number(matrix: &Matrix) -> f32 {
        matrix.flat()[0]
    }

    /// `x y`.
    fn product(x: &Variable, y: &Variable) -> Variable {
        let (a, b) = (number(x.value()), number(y.value()));
        Variable::recorded(one(a * b), Parents::of([x, y]), move |g, [for_x, for_y], flow| {
            flow.give(&for_x, || one(number(&g) * b));
            flow.give(&for_y, || one(number(&g) * a));
        })
    }

    #[test]
    fn gradients_add_up_over_all_ways_to_a_leaf() {
        let (x, y) = (Variable::leaf(one(3.0)), Variable::leaf(one(5.0)));
        let square = product(&x, &x);
        // x^2 (x^2 y): the older value is used before and after the younger one is made.
        let mut gradients = product(&square, &product(&square, &y)).backward();
        assert_eq!(gradients.take(&x).map(|g| number(&g)), Some(4.0 * 27.0 * 5.0));
        assert_eq!(gradients.take(&y).map(|g| number(&g)), Some(81.0));
        assert!(gradients.take(&y).is_none(), "it was taken");
    }

    #[test]
    fn nothing_is_kept_or_computed_for_what_wants_no_gradient() {
        let kept = Arc::new(());
        let (x, y) = (Variable::constant(one(3.0)), Variable::leaf(one(5.0)));
        let held = kept.clone();
        let z = Variable::recorded(one(6.0), Parents::of([&x, &x]), move |_, _, _| drop(held));
        assert_eq!((Arc::strong_count(&kept), z.node.is_none()), (1, true));
        let n_computed = Arc::new(AtomicUsize::new(0));
        let count = n_computed.clone();
        let z = Variable::recorded(one(6.0), Parents::of([&x, &y]), move |g, parents, flow| {
            for parent in &parents {
                flow.give(parent, || {
                    count.fetch_add(1, Ordering::Relaxed);
                    g.clone()
                });
            }
        });
        let mut gradients = z.backward();
        assert_eq!(n_computed.load(Ordering::Relaxed), 1);
        assert!(gradients.take(&x).is_none() && gradients.take(&y).is_some());
    }

    #[test]
    fn a_way_back_is_used_up_and_frees_what_it_kept() {
        let kept = Arc::new(());
        let held = kept.clone();
        let x = Variable::leaf(one(2.0));
        let z = Variable::recorded(one(4.0), Parents::of([&x]), move |g, [parent], flow| {
            let _held = &held;
            flow.give(&parent, || g);
        });
        assert!(z.clone().backward().take(&x).is_some());
        assert_eq!(Arc::strong_count(&kept), 1);
        assert!(z.backward().take(&x).is_none());
    }

    #[test]
    fn columns_of_a_parent_get_theirs_and_the_others_none() {
        let x = Variable::leaf(Matrix::zeros([2, 3]));
        let part = |x: &Variable, first: usize| {
            Variable::recorded(x.value().columns(first..first + 2), Parents::of([x]), move |g, [to], flow| {
                flow.give_columns(&to, [2, 3], first, &g);
            })
        };
        let sum = |a: &Variable, b: &Variable| {
            Variable::recorded(Matrix::zeros([2, 2]), Parents::of([a, b]), |g, parents, flow| {
                parents.iter().for_each(|parent| flow.give(parent, || g.clone()));
            })
        };
        let gradient = sum(&part(&x, 0), &part(&x, 1)).backward().take(&x).unwrap();
        assert_eq!(*gradient.flat(), [1.0, 2.0, 1.0, 1.0, 2.0, 1.0]);
    }
}
