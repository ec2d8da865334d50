/// What numbers a model's weights, or its KV cache, are stored as. The raw values are those of the C header.
public enum DataType: Int32, CaseIterable, Sendable {
    /// 16 bits: bfloat16, or float16.
    case bf16 = 0
    /// 8 bits with a floating point.
    case fp8 = 100
    /// Integers of 8 bits.
    case int8 = 110
    /// 4 bits with a floating point, and a scale of 8 bits for each 16: NVFP4.
    case fp4 = 200
    /// Integers of 4 bits, and a scale of 16 bits for each 128: as AWQ and GPTQ have them; computed in bf16.
    case int4 = 210

    /// Bytes of a number, with its share of a scale.
    var bytes: Double {
        switch self {
        case .bf16: 2
        case .fp8, .int8: 1
        case .fp4: 0.5 + 1.0 / 16
        case .int4: 0.5 + 2.0 / 128
        }
    }
}
