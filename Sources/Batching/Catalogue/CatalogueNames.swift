/// The names of all GPUs, or of all models.
struct CatalogueNames {
    let kind: CatalogueName.Kind

    private var count: Int {
        switch kind {
        case .gpu: Catalogue.gpuCount
        case .model: Catalogue.modelCount
        }
    }

    private var aliasCount: Int {
        switch kind {
        case .gpu: Catalogue.gpuAliasCount
        case .model: Catalogue.modelAliasCount
        }
    }

    private func name(_ index: Int) -> StaticString {
        switch kind {
        case .gpu: Catalogue.knownGPU(index).name
        case .model: Catalogue.knownModel(index).name
        }
    }

    private func alias(_ index: Int) -> CatalogueAlias {
        switch kind {
        case .gpu: Catalogue.gpuAlias(index)
        case .model: Catalogue.modelAlias(index)
        }
    }

    /// So many near names are listed.
    private static var mostNear: Int { 5 }

    func index(of wanted: UnsafeBufferPointer<UInt8>) throws(BatchingError) -> Int {
        guard wanted.count <= CatalogueName.maximumBytes else {
            throw .invalid("the length of name", wanted.count, "must be at most 255 bytes")
        }
        let asked = CatalogueName(wanted, kind)
        for index in 0..<count where CatalogueName(name(index), kind) == asked { return index }
        for index in 0..<aliasCount where CatalogueName(alias(index).name, kind) == asked { return alias(index).index }
        throw BatchingError(.invalidArgument, sentence(wanted, asked))
    }

    private func sentence(_ wanted: UnsafeBufferPointer<UInt8>, _ asked: CatalogueName) -> ErrorText {
        let things: StaticString = kind == .gpu ? "GPUs" : "models"
        var text: ErrorText = "name is \"\(ErrorText(printable: wanted))\""
        text = "\(text): must be one of the catalogue's \(count) \(things)"
        var last = (distance: -1, index: -1)
        var separator: StaticString = "; near it are "
        for _ in 0..<CatalogueNames.mostNear {
            guard let near = nearest(asked, after: last) else { break }
            text = "\(text)\(separator)\(name(near.index))"
            separator = ", "
            last = near
        }
        return text
    }

    /// The next one in order of distance, then of name.
    private func nearest(
        _ asked: CatalogueName, after last: (distance: Int, index: Int)
    ) -> (distance: Int, index: Int)? {
        var best: (distance: Int, index: Int)?
        for index in 0..<count {
            guard let distance = asked.distance(to: CatalogueName(name(index), kind)) else { continue }
            let one = (distance: distance, index: index)
            guard one > last else { continue }
            if let known = best, known < one { continue }
            best = one
        }
        return best
    }
}

extension ErrorText {
    /// The first 64 bytes of what a caller says, with a question mark for each that is not printable ASCII.
    fileprivate init(printable name: UnsafeBufferPointer<UInt8>) {
        self.init(literalCapacity: 0, interpolationCount: 0)
        for index in 0..<min(name.count, 64) {
            let isPrintable = name[index] >= 0x20 && name[index] < 0x7f
            append(byte: isPrintable ? name[index] : UInt8(ascii: "?"))
        }
        if name.count > 64 { self = "\(self)..." }
    }
}
