/// A GPU or a model that is known by name.
public struct CatalogueEntry<Value: Sendable>: Sendable {
    /// As the catalogue calls it.
    public let name: StaticString
    /// Where its numbers stand.
    public let source: StaticString
    /// Its numbers.
    public let value: Value

    init(_ name: StaticString, _ source: StaticString, _ value: Value) {
        self.name = name
        self.source = source
        self.value = value
    }
}

/// Another name of an entry.
struct CatalogueAlias {
    let name: StaticString
    let index: Int
}

/// GPUs and models by name, in order of name. What is written here is gpus.csv and models.csv beside this file; it takes no
/// memory but the code's.
public enum Catalogue {
    /// One of the GPUs.
    /// - Parameter index: from 0 to `gpuCount` - 1.
    public static func gpu(at index: Int) throws(BatchingError) -> CatalogueEntry<GPU> {
        try check(index, gpuCount)
        return knownGPU(index)
    }

    /// One of the models.
    /// - Parameter index: from 0 to `modelCount` - 1.
    public static func model(at index: Int) throws(BatchingError) -> CatalogueEntry<ModelArchitecture> {
        try check(index, modelCount)
        return knownModel(index)
    }

    /// The GPU of a name. Case does not count, nor does what is neither a letter nor a digit: "h100 sxm" is H100-SXM.
    /// If there is none, the error lists names that are near.
    public static func gpu(named name: String) throws(BatchingError) -> CatalogueEntry<GPU> {
        try find(name) { (bytes) throws(BatchingError) in try gpu(named: bytes) }
    }

    /// The model of a name, as `gpu(named:)` finds a GPU. What stands before a "/" does not count, nor that a model was
    /// trained to follow instructions: "meta-llama/Llama-3.1-8B-Instruct" is Llama-3.1-8B.
    public static func model(named name: String) throws(BatchingError) -> CatalogueEntry<ModelArchitecture> {
        try find(name) { (bytes) throws(BatchingError) in try model(named: bytes) }
    }

    package static func gpu(named name: UnsafeBufferPointer<UInt8>) throws(BatchingError) -> CatalogueEntry<GPU> {
        knownGPU(try CatalogueNames(kind: .gpu).index(of: name))
    }

    package static func model(
        named name: UnsafeBufferPointer<UInt8>
    ) throws(BatchingError) -> CatalogueEntry<ModelArchitecture> {
        knownModel(try CatalogueNames(kind: .model).index(of: name))
    }

    private static func check(_ index: Int, _ count: Int) throws(BatchingError) {
        guard index >= 0, index < count else {
            throw .invalid("index", index, "must be from 0 to \(count &- 1)")
        }
    }

    private static func find<Value>(
        _ name: String, _ body: (UnsafeBufferPointer<UInt8>) throws(BatchingError) -> Value
    ) throws(BatchingError) -> Value {
        var name = name
        // `withUTF8` rethrows any error, which a typed one is not.
        let found = name.withUTF8 { bytes in
            do throws(BatchingError) { return Result<Value, BatchingError>.success(try body(bytes)) } catch {
                return .failure(error)
            }
        }
        return try found.get()
    }
}
