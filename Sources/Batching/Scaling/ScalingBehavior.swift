/// How an HPA gets from what a metric asks for to a number of replicas: windows in which it holds out, and limits of how many
/// come or go in a period (pkg/controller/podautoscaler/horizontal.go of Kubernetes).
struct ScalingBehavior: ~Copyable {
    private let minReplicas: Int
    private let maxReplicas: Int
    private let up: ScalingLimit
    private let down: ScalingLimit
    private let upPeriod: Int64
    private let downPeriod: Int64
    private var lowest: ScalingWindow
    private var highest: ScalingWindow
    private var added: ScalingChanges
    private var removed: ScalingChanges
    private var hasBegun: Bool

    init(_ configuration: HPAConfig, minReplicas: Int, maxReplicas: Int) throws(BatchingError) {
        let lowest = try ScalingWindow(seconds: configuration.upWindow, most: maxReplicas, isHighest: false)
        let highest = try ScalingWindow(seconds: configuration.downWindow, most: maxReplicas, isHighest: true)
        let added = try ScalingChanges()
        let removed = try ScalingChanges()
        self.minReplicas = minReplicas
        self.maxReplicas = maxReplicas
        up = configuration.up
        down = configuration.down
        upPeriod = Nanoseconds(validSeconds: configuration.up.period).count
        downPeriod = Nanoseconds(validSeconds: configuration.down.period).count
        self.lowest = lowest
        self.highest = highest
        self.added = added
        self.removed = removed
        hasBegun = false
    }

    init(copying other: borrowing ScalingBehavior, _ copy: inout DeepCopy) {
        (minReplicas, maxReplicas) = (other.minReplicas, other.maxReplicas)
        (up, down, upPeriod, downPeriod) = (other.up, other.down, other.upPeriod, other.downPeriod)
        lowest = ScalingWindow(copying: other.lowest, &copy)
        highest = ScalingWindow(copying: other.highest, &copy)
        added = ScalingChanges(copying: other.added, &copy)
        removed = ScalingChanges(copying: other.removed, &copy)
        hasBegun = other.hasBegun
    }

    /// - Parameters:
    ///   - current: replicas, of which there is at least one.
    ///   - wanted: by the metric. nil: it says nothing.
    /// - Returns: how many there shall be. That counts as done.
    mutating func decide(current: Int, wanted: Int?, at time: Nanoseconds) -> Int {
        if !hasBegun {
            // The first decision finds the present number as what was wanted last.
            hasBegun = true
            _ = lowest.add(min(current, maxReplicas), at: time)
            _ = highest.add(min(current, maxReplicas), at: time)
        }
        let desired: Int
        if current > maxReplicas {
            desired = maxReplicas
        } else if current < minReplicas {
            desired = minReplicas
        } else if let wanted {
            desired = limited(stable(current: current, wanted: min(wanted, maxReplicas), at: time), current, at: time)
        } else {
            desired = current
        }
        if desired > current { added.add(desired &- current, at: time) }
        if desired < current { removed.add(current &- desired, at: time) }
        return desired
    }

    private mutating func stable(current: Int, wanted: Int, at time: Nanoseconds) -> Int {
        let (least, most) = (lowest.add(wanted, at: time), highest.add(wanted, at: time))
        if current < least { return least }
        return min(current, most)
    }

    private func limited(_ desired: Int, _ current: Int, at time: Nanoseconds) -> Int {
        if desired > current {
            return min(desired, maxReplicas, max(upLimit(current, at: time), current))
        }
        if desired < current {
            return max(desired, minReplicas, min(downLimit(current, at: time), current))
        }
        return desired
    }

    /// The most that there may be. Nothing is beyond what a number of replicas times a percentage may be.
    private func upLimit(_ current: Int, at time: Nanoseconds) -> Int {
        let start = Int64(current) &- added.total(in: upPeriod, at: time) &+ removed.total(in: upPeriod, at: time)
        let proposed = (Double(start) * (1 + up.percent / 100)).rounded(.up)
        return Int(max(start &+ up.replicas, Int64(min(max(proposed, 0), 1e9))))
    }

    /// The fewest that there may be.
    private func downLimit(_ current: Int, at time: Nanoseconds) -> Int {
        let start = Int64(current) &+ removed.total(in: downPeriod, at: time) &- added.total(in: downPeriod, at: time)
        let proposed = (Double(start) * (1 - down.percent / 100)).rounded(.towardZero)
        return Int(min(start &- down.replicas, Int64(min(max(proposed, 0), 1e9))))
    }
}
