import Testing

@testable import Batching

@Suite struct BlockPoolTests {
    private func content(_ id: Int64) -> BlockPool.Content { BlockPool.Content(id: id, place: 0) }

    @Test func `free blocks are taken from the front, where those without content return`() throws {
        var pool = try BlockPool(count: 4)
        #expect([pool.take(), pool.take()] == [0, 1])
        pool.releaseEmpty(0)
        pool.releaseEmpty(1)
        #expect([pool.take(), pool.take(), pool.take(), pool.take()] == [1, 0, 2, 3])
        #expect(pool.free == 0)
    }

    @Test func `content stays until its block is needed, least recently released first`() throws {
        var pool = try BlockPool(count: 2)
        let (first, second) = (pool.take(), pool.take())
        pool.publish(first, content(1))
        pool.publish(second, content(2))
        pool.release(second)
        pool.release(first)
        #expect(pool.find(content(1)) == first && pool.find(content(2)) == second)
        #expect(pool.take() == second)
        #expect(pool.find(content(2)) == -1)
        pool.use(first)
        #expect(pool.free == 0)
        #expect(pool.find(content(1)) == first)
    }

    @Test func `of equal contents the one published first is found, until it is evicted`() throws {
        var pool = try BlockPool(count: 3)
        let blocks = [pool.take(), pool.take(), pool.take()]
        for block in blocks { pool.publish(block, content(7)) }
        #expect(pool.find(content(7)) == blocks[0])
        pool.release(blocks[0])
        #expect(pool.find(content(7)) == blocks[0])
        _ = pool.take()
        #expect(pool.find(content(7)) == blocks[1])
    }

    @Test func `what is unique is found only once it is in the index`() throws {
        var pool = try BlockPool(count: 1)
        let block = pool.take()
        pool.publish(block, .unique(5, 3))
        #expect(pool.find(.unique(5, 3)) == -1)
        pool.addToIndexIfMissing(block)
        #expect(pool.find(.unique(5, 3)) == block)
        #expect(pool.find(.unique(5, 4)) == -1)
    }

    @Test func `what a trial changes is undone`() throws {
        var pool = try BlockPool(count: 4)
        let used = pool.take()
        let idle = pool.take()
        pool.publish(used, content(1))
        pool.publish(idle, content(2))
        pool.release(idle)
        pool.watch(idle)
        pool.expect(content(3))
        // Twice: what the first noted is not what the second notes.
        for _ in 0..<2 {
            try pool.beginTrial()
            pool.use(idle)
            let taken = pool.take()
            pool.publish(taken, content(3))
            #expect(pool.awaitedIsThere && pool.free == 1)
            pool.releaseEmpty(pool.take())
            pool.release(idle)
            pool.release(used)
            pool.release(taken)
            pool.endWatch([idle], count: 1)
            // All content goes.
            for _ in 0..<4 { _ = pool.take() }
            #expect(pool.find(content(1)) == -1 && pool.free == 0)
            pool.endTrial()
            #expect(pool.free == 3 && pool.idleWatched == 1 && !pool.awaitedIsThere && pool.awaited == content(3))
            #expect(pool.find(content(1)) == used && pool.find(content(2)) == idle && pool.find(content(3)) == -1)
        }
        // The two that were never used, then the idle one.
        #expect([pool.take(), pool.take(), pool.take()] == [2, 3, idle])
        #expect(pool.evictedWatch >= 0 && pool.free == 0 && pool.find(content(2)) == -1)
        pool.release(used)
        #expect(pool.take() == used)
    }

    @Test func `a watch counts the idle, and tells which is evicted and whether the awaited is there`() throws {
        var pool = try BlockPool(count: 3)
        let (first, second) = (pool.take(), pool.take())
        pool.publish(first, content(1))
        pool.release(first)
        pool.watch(first)
        pool.expect(content(2))
        #expect(pool.idleWatched == 1)
        pool.use(first)
        #expect(pool.idleWatched == 0)
        pool.release(first)
        #expect(pool.idleWatched == 1 && pool.awaitedIsThere == false)
        pool.publish(second, content(2))
        #expect(pool.awaitedIsThere == true)
        pool.endWatch([first], count: 1)
        #expect(pool.idleWatched == 0 && pool.awaitedIsThere == false)
        pool.watch(first)
        #expect(pool.evictedWatch == -1)
        _ = (pool.take(), pool.take())
        #expect(pool.evictedWatch == Int(content(1).place & ~BlockPool.Content.uniqueBit) && pool.idleWatched == 0)
    }

    @Test func `random use agrees with a list and a dictionary`() throws {
        var stream = RandomStream(seed: 11, purpose: .outputLengths)
        var pool = try BlockPool(count: 12)
        /// From the front to the end; and what is in each block, in order of publication.
        var free: [Int32] = Array(0..<12)
        var published: [(block: Int32, id: Int64)] = []
        var used: [Int32: Int] = [:]
        for _ in 0..<20_000 {
            let id = Int64(stream.integer(in: 0...5))
            switch stream.integer(in: 0...2) {
            case 0 where !free.isEmpty:
                let block = pool.take()
                #expect(block == free.removeFirst())
                published.removeAll { $0.block == block }
                used[block] = 1
                if stream.integer(in: 0...2) > 0 {
                    pool.publish(block, content(id))
                    published.append((block, id))
                }
            case 1:
                let found = pool.find(content(id))
                #expect(found == published.first { $0.id == id }?.block ?? -1)
                if found >= 0 {
                    pool.use(found)
                    free.removeAll { $0 == found }
                    used[found, default: 0] += 1
                }
            default:
                guard let block = used.keys.min() else { continue }
                used[block]! -= 1
                let isFull = published.contains { $0.block == block }
                if isFull { pool.release(block) } else { pool.releaseEmpty(block) }
                if used[block] == 0 {
                    used[block] = nil
                    free.insert(block, at: isFull ? free.count : 0)
                }
            }
            #expect(pool.free == free.count)
        }
    }
}

@Suite struct CoastingTests {
    @Test(arguments: [nil, 60, 5000]) func `whole periods take the blocks of as many single iterations`(
        usable: Int?
    ) throws {
        var stream = RandomStream(seed: 11, purpose: .turns)
        let members = UnsafeMutablePointer<Member>.allocate(capacity: 20)
        members.initialize(repeating: Member(), count: 20)
        defer { members.deallocate() }
        for blockSize in [1, 3, 16] as [Int64] {
            var atOnce = try CountedBlocks(usable: usable, blockSize: blockSize, isReserved: false)
            var oneByOne = try CountedBlocks(usable: usable, blockSize: blockSize, isReserved: false)
            for slot in 0..<Int(stream.integer(in: 1...20)) {
                let computed = Int64(stream.integer(in: 0...100))
                atOnce.join(slot, members, computed: computed)
                oneByOne.join(slot, members, computed: computed)
            }
            for limit in [0, 1, 2, blockSize, 7 * blockSize + 2, 100 * blockSize] as [Int64] {
                let (expected, got) = (
                    oneByOne.coastOneByOne(members, iterations: limit), atOnce.coast(members, iterations: limit)
                )
                #expect(got.iterations == expected.iterations)
                #expect(got.usedBlocks == expected.usedBlocks)
                #expect(atOnce.free == oneByOne.free)
                #expect(atOnce.neededByDecodes == oneByOne.neededByDecodes)
            }
        }
    }
}

@Suite struct BlockSizeTests {
    @Test(arguments: [Int64(1), 2, 3, 16, 17, 65_536])
    func `blocks are counted as by division`(tokens: Int64) {
        let size = BlockSize(tokens)
        for count in [Int64(0), 1, 2, 15, 16, 17, 65_535, 65_536, 4_294_967_295, 8_589_934_590] {
            #expect(size.full(count) == Int(count / tokens))
            #expect(size.rest(count) == Int(count % tokens))
            #expect(size.holding(count) == Int((count + tokens - 1) / tokens))
        }
    }
}

@Suite struct DueListTests {
    @Test func `those due come up in their iteration, unless they were taken out`() throws {
        var stream = RandomStream(seed: 5, purpose: .samples)
        let lists = try DueLists(longestDelay: 40_000)
        let members = UnsafeMutablePointer<Member>.allocate(capacity: 200)
        members.initialize(repeating: Member(), count: 200)
        defer { members.deallocate() }
        var due: [Int: Int64] = [:]
        for slot in 0..<200 {
            members[slot].due = Int64(stream.integer(in: 1...40_000))
            due[slot] = members[slot].due
            lists.insert(slot, members)
        }
        for slot in stride(from: 0, to: 200, by: 3) {
            lists.remove(slot, members)
            due[slot] = nil
        }
        for iteration in Int64(1)...40_000 {
            var slot = lists.takeAll(iteration)
            while slot >= 0 {
                let next = Int(members[slot].nextOfKind)
                if members[slot].due == iteration {
                    #expect(due.removeValue(forKey: slot) == iteration)
                } else {
                    lists.insert(slot, members)
                }
                slot = next
            }
        }
        #expect(due.isEmpty)
    }
}

@Suite struct WaitingQueueTests {
    @Test func `a queue by priority gives them by priority, arrival, tie break and index`() throws {
        var stream = RandomStream(seed: 8, purpose: .groups)
        let count = 300
        let priority = (0..<count).map { _ in stream.integer(in: -2...2) }
        let tieBreak = (0..<count).map { _ in Int64(stream.integer(in: 0...3)) }
        let arrival = (0..<count).map { _ in Double(stream.integer(in: 0...4)) }
        let expected = (0..<count).sorted {
            (priority[$0], arrival[$0], tieBreak[$0], $0) < (priority[$1], arrival[$1], tieBreak[$1], $1)
        }
        var order: [Int] = []
        try priority.withUnsafeBufferPointer { priority in
            try tieBreak.withUnsafeBufferPointer { tieBreak in
                try arrival.withUnsafeBufferPointer { arrival in
                    var queue = try WaitingQueue(
                        RequestColumns(
                            count: count, arrivalTime: arrival.baseAddress, priority: priority.baseAddress,
                            tieBreak: tieBreak.baseAddress),
                        order: .priority, key: VLLMPolicy.queueKey(.priority))
                    for request in 0..<count { try queue.append(request) }
                    var members = Member()
                    while queue.count > 0 {
                        order.append(queue.top.request)
                        queue.removeFirst(&members)
                    }
                }
            }
        }
        #expect(order == expected)
    }
}
