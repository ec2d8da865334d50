/// How long an iteration takes.
public enum IterationTime {
    /// Seconds.
    case constant(Double)
    case affine(AffineTime)
    case callback(TimeCallback)
}
