// The blocks and what is in them, as bytes and back. A block is known by a number of its own: first those in use, as they
// first come up in the tables of the members, then the free ones with content, in the order in which they will be taken.
extension CachedBlocks {
    mutating func write(to writer: inout ByteWriter, members: Int, slot: (Int) -> Int) throws(BatchingError) {
        var numbers = try BlockNumbering(count: Int(pool.fresh))
        for place in 0..<members {
            let table = tables.elements[slot(place)]
            writer.write(table.published)
            guard let blocks = table.blocks else { continue }
            for position in 0..<Int(table.count) { writer.write(numbers.number(blocks[position])) }
        }
        pool.write(to: &writer, &numbers)
        let offload = offload
        offload?.pointee.write(to: &writer)
    }

    mutating func read(
        _ reader: inout ByteReader, _ members: UnsafePointer<Member>, running: Int, held: UnsafePointer<Int64>
    ) throws(BatchingError) {
        for slot in 0..<running { try readTable(&reader, slot, members[slot], held: held[slot]) }
        try pool.read(&reader)
        for slot in 0..<running {
            let table = tables.elements[slot]
            guard let blocks = table.blocks else { continue }
            for position in 0..<Int(table.count) {
                let isPublished = position < Int(table.published)
                guard isPublished ? pool.hasContent(blocks[position]) : pool.isBlank(blocks[position]) else {
                    throw .corrupt("a KV block has content that it cannot have")
                }
            }
        }
        let offload = offload
        try offload?.pointee.read(&reader)
    }

    private mutating func readTable(
        _ reader: inout ByteReader, _ slot: Int, _ member: Member, held: Int64
    ) throws(BatchingError) {
        let count = blockSize.holding(held)
        guard count <= usable, count <= reader.left / 4 else { throw .corrupt("there are not as many KV blocks") }
        try reserveTable(slot, min(blockSize.holding(member.longest), usable))
        let table = tables.elements + slot
        guard count <= Int(table.pointee.capacity), let blocks = table.pointee.blocks else {
            throw .corrupt("a request has more KV blocks than it can have")
        }
        try reader.code(&table.pointee.published, from: 0, to: Int32(truncatingIfNeeded: blockSize.full(held)))
        for position in 0..<count {
            var number: Int32 = 0
            try reader.code(&number, from: 0, to: Int32(truncatingIfNeeded: pool.used))
            if Int(number) == pool.used {
                // New ones are taken as they are numbered.
                guard pool.free > 0 else { throw .corrupt("there are not as many KV blocks") }
                blocks[position] = pool.take()
            } else {
                pool.use(number)
                blocks[position] = number
            }
            // As many as it has, should the next one not be to be read.
            table.pointee.count = Int32(truncatingIfNeeded: position + 1)
        }
    }
}

/// Numbers for the blocks of a pool, as they are asked for.
struct BlockNumbering: ~Copyable {
    /// The number of each block + 1; 0: none yet.
    private let numbers: ZeroedBuffer<Int32>
    private let blocks: ScratchBuffer<Int32>
    private(set) var count = 0

    /// - Parameter count: of blocks that were ever taken.
    init(count: Int) throws(BatchingError) {
        let numbers = try ZeroedBuffer<Int32>(count: count)
        let blocks = try ScratchBuffer<Int32>(uninitialized: count)
        self.numbers = numbers
        self.blocks = blocks
    }

    mutating func number(_ block: Int32) -> Int32 {
        if numbers.elements[Int(block)] == 0 {
            blocks.elements[count] = block
            count += 1
            numbers.elements[Int(block)] = Int32(truncatingIfNeeded: count)
        }
        return numbers.elements[Int(block)] - 1
    }

    func block(_ number: Int) -> Int32 { blocks.elements[number] }
}

extension BlockPool {
    /// Blocks that are in use.
    var used: Int { Int(end) - free }

    /// The content of all blocks that have any, and in which order they can be found.
    mutating func write(to writer: inout ByteWriter, _ numbers: inout BlockNumbering) {
        let used = numbers.count
        // Those without content come first.
        var block = blocks.elements[Int(end)].nextFree
        while block != end {
            if hasContent(block) { _ = numbers.number(block) }
            block = blocks.elements[Int(block)].nextFree
        }
        writer.write(Int32(truncatingIfNeeded: numbers.count - used))
        for number in 0..<numbers.count {
            let element = blocks.elements[Int(numbers.block(number))]
            writer.write(element.place)
            if element.place != BlockPool.Content.none.place { writer.write(element.id) }
        }
        for number in 0..<numbers.count {
            let first = numbers.block(number)
            let content = blocks.elements[Int(first)].content
            guard isInIndex(first), find(content) == first else { continue }
            // Those with the same content follow it, in the order in which they are found.
            var block = first
            while block < end {
                if blocks.elements[Int(block)].content == content { writer.write(numbers.number(block)) }
                block = next(block)
            }
        }
        writer.write(Int32(-1))
    }

    /// Reads it. The blocks in use have been taken, so that they have the numbers from 0 on.
    mutating func read(_ reader: inout ByteReader) throws(BatchingError) {
        let used = self.used
        let cached = Int(try reader.read(Int32.self))
        guard cached >= 0, cached <= free, cached <= reader.left / 12 else {
            throw .corrupt("there are not as many KV blocks")
        }
        for _ in 0..<cached { _ = take() }
        for block in 0..<used + cached {
            let place = try reader.read(UInt32.self)
            guard place != Content.none.place else {
                if block >= used { throw .corrupt("a free KV block has no content") }
                continue
            }
            set(Content(id: try reader.read(), place: place), of: Int32(truncatingIfNeeded: block))
        }
        while true {
            let block = try reader.read(Int32.self)
            if block == -1 { break }
            guard block >= 0, Int(block) < used + cached, hasContent(block), !isInIndex(block) else {
                throw .corrupt("a KV block is found that cannot be")
            }
            addToIndexIfMissing(block)
        }
        for block in used..<used + cached { release(Int32(truncatingIfNeeded: block)) }
    }

    func hasContent(_ block: Int32) -> Bool { blocks.elements[Int(block)].place != Content.none.place }

    /// Whether it has no content, and one user.
    func isBlank(_ block: Int32) -> Bool { !hasContent(block) && blocks.elements[Int(block)].users == 1 }

    private mutating func set(_ content: Content, of block: Int32) {
        blocks.elements[Int(block)].id = content.id
        blocks.elements[Int(block)].place = content.place
    }
}
