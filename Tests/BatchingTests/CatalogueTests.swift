import Foundation
import Testing

@testable import Batching

/// The catalogue against the figures of the data set that it was rewritten from, and against figures worked out by hand.
@Suite struct CatalogueTests {
    @Test func `every entry can be found by its name, and stands in order`() throws {
        var before = ""
        for index in 0..<Catalogue.gpuCount {
            let known = try Catalogue.gpu(at: index)
            #expect(before.lowercased() < known.name.description.lowercased())
            before = known.name.description
            #expect(try Catalogue.gpu(named: before).value == known.value)
            #expect(try Catalogue.gpu(named: before.lowercased().replacing("-", with: " ")).value == known.value)
            try known.value.check()
        }
        before = ""
        for index in 0..<Catalogue.modelCount {
            let known = try Catalogue.model(at: index)
            #expect(before.lowercased() < known.name.description.lowercased())
            before = known.name.description
            #expect(try Catalogue.model(named: "some-one/\(before)-Instruct").value == known.value)
            try known.value.check()
        }
        for index in 0..<Catalogue.gpuAliasCount {
            let alias = Catalogue.gpuAlias(index)
            #expect(try Catalogue.gpu(named: alias.name.description).name.description == gpuName(alias.index))
        }
        for index in 0..<Catalogue.modelAliasCount {
            let alias = Catalogue.modelAlias(index)
            #expect(try Catalogue.model(named: alias.name.description).name.description == modelName(alias.index))
        }
    }

    private func gpuName(_ index: Int) -> String { Catalogue.knownGPU(index).name.description }
    private func modelName(_ index: Int) -> String { Catalogue.knownModel(index).name.description }

    @Test(arguments: [
        ("NVIDIA H100 80GB HBM3", "H100-SXM"), ("NVIDIA GeForce RTX 4090", "RTX-4090"), ("nvidia l4", "L4"),
        ("H100", "H100-SXM"), ("AMD Instinct MI300X", "MI300X"), ("A100-SXM4-80GB", "A100-80-SXM"),
    ])
    func `a GPU is found as the driver calls it`(_ name: String, _ expected: String) throws {
        #expect(try Catalogue.gpu(named: name).name.description == expected)
    }

    @Test(arguments: [
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "Llama-3.1-8B"), ("google/gemma-3-27b-it", "Gemma-3-27B"),
        ("meta-llama/Llama-2-7b-chat-hf", "Llama-2-7B"), ("mistralai/Mistral-7B-Instruct-v0.3", "Mistral-7B-v0.3"),
        ("Qwen/Qwen3-235B-A22B-Instruct-2507", "Qwen3-235B-A22B"),
    ])
    func `a model is found as Hugging Face calls it`(_ name: String, _ expected: String) throws {
        #expect(try Catalogue.model(named: name).name.description == expected)
    }

    @Test func `near names are listed from the nearest on`() {
        func sentence(_ body: () throws -> Void) -> String {
            do { try body() } catch { return "\(error)" }
            return "no error"
        }
        // Two letters are to be replaced for H100-SXM, three for H100-NVL and for H200-SXM, four for H100-PCIe.
        let gpu = sentence { _ = try Catalogue.gpu(named: "H100-SMX") }
        #expect(
            gpu.hasPrefix(
                "name is \"H100-SMX\": must be one of the catalogue's 25 GPUs; near it are H100-SXM, H100-NVL, H200-SXM, "
                    + "H100-PCIe"), "\(gpu)")
        let model = sentence { _ = try Catalogue.model(named: "Llama-3.1-7B") }
        // One letter is to be inserted, or replaced.
        #expect(model.contains("; near it are Llama-3.1-70B, Llama-3.1-8B, "), "\(model)")
        #expect(
            sentence { _ = try Catalogue.gpu(named: "a toaster\n\u{e9}") }
                == "name is \"a toaster???\": must be one of the catalogue's 25 GPUs")
        #expect(sentence { _ = try Catalogue.gpu(named: "") } == "name is \"\": must be one of the catalogue's 25 GPUs")
        #expect(
            sentence { _ = try Catalogue.gpu(named: String(repeating: "x", count: 256)) }
                == "the length of name is 256: must be at most 255 bytes")
        #expect(
            sentence { _ = try Catalogue.gpu(named: String(repeating: "x", count: 255)) }
                == "name is \"\(String(repeating: "x", count: 64))...\": must be one of the catalogue's 25 GPUs")
        #expect(sentence { _ = try Catalogue.gpu(at: 25) } == "index is 25: must be from 0 to 24")
        #expect(sentence { _ = try Catalogue.model(at: -1) } == "index is -1: must be from 0 to 30")
    }

    /// The matrices of the data's rows, and the norms that those leave out: two a layer, and one behind the last.
    @Test func `parameters and KV bytes are those of the data`() throws {
        guard let rows = try SharedTable("times/models/models.csv")?.rows else { return }
        #expect(rows.count == Catalogue.modelCount)
        for row in rows {
            let name = try #require(row["model"])
            let known = try Catalogue.model(named: name)
            #expect(known.name.description == name)
            func number(_ column: String) throws -> Double { try #require(row[column].flatMap { Double($0) }) }
            let model = known.value
            let norms = Double((2 * model.numHiddenLayers + 1) * model.hiddenSize)
            #expect(try model.parameters() == number("params_total") + norms, "\(name)")
            #expect(try model.activeParameters() == number("params_active_without_embedding") + norms, "\(name)")
            let shape = try ModelShape(model)
            #expect(try shape.kvBytes(layers: shape.fullLayers, .bf16) == number("kv_bytes_per_token_bf16"), "\(name)")
            #expect(
                try shape.kvBytes(layers: shape.windowLayers, .bf16) * shape.window
                    == number("kv_bytes_fixed_per_sequence_bf16"), "\(name)")
        }
    }

    @Test func `speeds are those of the data`() throws {
        guard let rows = try SharedTable("times/gpus/gpus.csv")?.rows else { return }
        #expect(rows.count == Catalogue.gpuCount)
        for row in rows {
            let name = try #require(row["gpu"])
            let gpu = try Catalogue.gpu(named: name).value
            func number(_ column: String) throws -> Double { try #require(row[column].map { Double($0) ?? 0 }) }
            for (value, column, unit) in [
                (gpu.memoryBandwidth, "bandwidth_GB_s", 1e9), (gpu.bf16Peak, "bf16_TFLOP_s", 1e12),
                (gpu.fp8Peak, "fp8_TFLOP_s", 1e12), (gpu.fp4Peak, "fp4_TFLOP_s", 1e12),
                (gpu.linkBandwidth, "link_GB_s", 1e9),
            ] {
                #expect(abs(value / unit - (try number(column))) < 1e-9, "\(name) \(column)")
            }
            // What the driver tells is the data's rounded number, but for ECC in GDDR, which takes up to a sixteenth of it.
            let marketed = try number("memory_GB") * 0x1p30
            #expect(gpu.memoryBytes < 1.03 * marketed && gpu.memoryBytes > 0.93 * marketed, "\(name)")
            #expect((gpu.linkType == .pcie) == row["link"]?.hasPrefix("PCIe"))
        }
    }
}

/// A CSV file of the data that several repositories share; nil, loudly, if it is not there.
struct SharedTable {
    let rows: [[String: String]]

    init?(_ path: String) throws {
        let folder = ProcessInfo.processInfo.environment["BATCHING_DATA"] ?? "../shared/data"
        let file = "\(folder)/\(path)"
        guard FileManager.default.fileExists(atPath: file) else {
            print("SKIPPED: \(file) is not there: set BATCHING_DATA")
            return nil
        }
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(whereSeparator: \.isNewline)
        let names = SharedTable.fields(lines[0])
        rows = lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(names, SharedTable.fields($0))) }
    }

    /// With commas inside of quotes.
    private static func fields(_ line: Substring) -> [String] {
        var fields = [""]
        var isQuoted = false
        for character in line {
            switch character {
            case "\"": isQuoted.toggle()
            case "," where !isQuoted: fields.append("")
            default: fields[fields.count - 1].append(character)
            }
        }
        return fields
    }
}
