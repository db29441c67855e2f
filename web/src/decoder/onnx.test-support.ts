/** ONNX files of one node, written by hand: what https://onnx.ai/onnx/intro names, as protocol buffers. */

const FLOAT = 1;

/** `output = op(...inputs)`, all of shape (n,). */
export function graphOf(op: string, inputs: readonly string[], output: string): Uint8Array {
  const node = [...inputs.map((name) => text(1, name)), text(2, output), text(4, op)];
  const graph = [
    message(1, ...node),
    text(2, op),
    ...inputs.map((name) => message(11, ...vector(name))),
    message(12, ...vector(output)),
  ];
  const opset = message(8, number(2, 17));
  return Uint8Array.from([number(1, 8), opset, message(7, ...graph)].flat());
}

function vector(name: string): number[][] {
  const shape = message(2, message(1, text(2, "n")));
  return [text(1, name), message(2, message(1, number(1, FLOAT), shape))];
}

const number = (field: number, value: number) => [field << 3, value];

function message(field: number, ...parts: number[][]): number[] {
  const bytes = parts.flat();
  if (bytes.length > 16383) throw new RangeError("lengths of two bytes are enough for these tests");
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
  return [(field << 3) | 2, ...length, ...bytes];
}

const text = (field: number, value: string) => message(field, [...new TextEncoder().encode(value)]);
