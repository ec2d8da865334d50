// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "Batching",
    products: [
        // The Swift library.
        .library(name: "Batching", targets: ["Batching"]),
        // The C library, libbatching: see include/batching.h.
        .library(name: "batching", type: .dynamic, targets: ["BatchingABI"]),
    ],
    targets: [
        .systemLibrary(name: "CBatching", path: "include"),
        .target(name: "CBatchingSupport"),
        .target(name: "CBatchingThread"),
        .target(
            name: "Batching", dependencies: ["CBatchingThread"],
            exclude: ["Catalogue/gpus.csv", "Catalogue/models.csv"]),
        .target(
            name: "BatchingABI", dependencies: ["Batching", "CBatching", "CBatchingSupport"], exclude: ["exports.map"]),
        .executableTarget(
            name: "Quickstart", dependencies: ["Batching"], path: "examples/swift",
            exclude: ["quickstart.expected", "engine.expected", "engine.swift", "policy.expected", "policy.swift"],
            sources: ["quickstart.swift"]),
        .executableTarget(
            name: "EngineExample", dependencies: ["Batching"], path: "examples/swift",
            exclude: ["quickstart.expected", "engine.expected", "quickstart.swift", "policy.expected", "policy.swift"],
            sources: ["engine.swift"]),
        .executableTarget(
            name: "PolicyExample", dependencies: ["Batching"], path: "examples/swift",
            exclude: ["quickstart.expected", "engine.expected", "quickstart.swift", "engine.swift", "policy.expected"],
            sources: ["policy.swift"]),
        .executableTarget(name: "Differential", dependencies: ["Batching"], path: "Tests/differential/swift"),
        .testTarget(name: "BatchingTests", dependencies: ["Batching"]),
        .testTarget(name: "ABITests", dependencies: ["Batching", "BatchingABI", "CBatching", "CBatchingSupport"]),
    ]
)
