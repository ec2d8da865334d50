/// How long an iteration takes.
public enum IterationTime {
    /// Seconds.
    case constant(Double)
    /// Affine in the tokens, sequences and contexts of the iteration.
    case affine(AffineTime)
    /// What a closure of the caller answers.
    case callback(TimeCallback)
}
