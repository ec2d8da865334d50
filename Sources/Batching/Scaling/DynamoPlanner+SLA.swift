// The load step with an SLA: from estimates of what a next request would meet.
extension DynamoPlanner {
    /// nil: no change.
    func slaStep(_ readings: ScalingReadings) -> Int? {
        switch configuration.component {
        case .prefill: return ttftStep(readings).desired
        case .decode: return itlStep(readings).desired
        case .aggregated:
            let count = readings.count
            let (prefill, decode) = (ttftStep(readings), itlStep(readings))
            if let desired = prefill.desired, desired > count { return desired }
            if let desired = decode.desired, desired > count { return desired }
            guard let desired = decode.desired, desired < count else { return nil }
            // Down if both are for it, or if TTFT says nothing.
            if let other = prefill.desired { return other < count ? max(desired, other) : nil }
            return prefill.isRefused ? nil : desired
        }
    }

    private func ttftStep(_ readings: ScalingReadings) -> SLAStep {
        var room = SLARoom()
        for replica in 0..<readings.count {
            let own = known(readings.ownTTFT, replica) ?? 0
            guard let merged = known(readings.mergedTTFT, replica) else {
                room.isUnknown = true
                continue
            }
            // What it takes by itself does not grow with fewer replicas: only the rest must have room.
            let rest = (configuration.ttftSLA - own) * configuration.downSensitivity
            if rest <= 0 || merged - own >= rest { room.isTooSmall = true }
        }
        return step(readings.estimatedTTFT, configuration.ttftSLA, readings, room)
    }

    private func itlStep(_ readings: ScalingReadings) -> SLAStep {
        var room = SLARoom()
        let count = Double(readings.count)
        let growth = readings.count > 1 ? count / (count - 1) : 1
        for replica in 0..<readings.count {
            let tokens = (Double(kvTokens(readings, replica)) * growth).rounded(.down)
            if maxKVTokens > 0, tokens >= Double(maxKVTokens) {
                room.isTooSmall = true
                continue
            }
            guard let merged = known(readings.mergedITL, replica) else {
                room.isUnknown = true
                continue
            }
            if merged >= configuration.itlSLA * configuration.downSensitivity { room.isTooSmall = true }
        }
        return step(readings.estimatedITL, configuration.itlSLA, readings, room)
    }

    private func step(
        _ estimates: UnsafePointer<Double>?, _ limit: Double, _ readings: ScalingReadings, _ room: SLARoom
    ) -> SLAStep {
        var (isKnown, areOver) = (false, true)
        for replica in 0..<readings.count {
            guard let estimate = known(estimates, replica) else { continue }
            isKnown = true
            if !(estimate > limit) { areOver = false }
        }
        if !isKnown { return SLAStep(desired: nil, isRefused: room.isTooSmall) }
        if areOver { return SLAStep(desired: readings.count &+ 1, isRefused: false) }
        if room.isTooSmall || room.isUnknown { return SLAStep(desired: nil, isRefused: room.isTooSmall) }
        return SLAStep(desired: max(readings.count &- 1, configuration.minEndpoint), isRefused: false)
    }

    private func known(_ column: UnsafePointer<Double>?, _ replica: Int) -> Double? {
        guard let value = column?[replica], !value.isNaN else { return nil }
        return value
    }
}

/// Whether one replica less would do.
private struct SLARoom {
    var isTooSmall = false
    var isUnknown = false
}

/// What one of the two estimates says.
private struct SLAStep {
    /// nil: no change.
    var desired: Int?
    /// Whether it says that fewer would not do.
    var isRefused: Bool
}
