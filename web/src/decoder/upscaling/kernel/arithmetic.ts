/** Vectors of four float32. */

/** a · b + c */
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  return f32x4.add(f32x4.mul(a, b), c);
}

/** `server/limner/sam/factored/gelu.py` derives the formula, this number and the others. */
export const SCALE: f32 = 0.12266475645240267;

/** `SCALE`·x -> 2·`SCALE`·GELU(x) */
@inline
export function gelu(x: v128): v128 {
  const u = f32x4.abs(x);
  let p = f32x4.add(u, f32x4.splat(-0.37131687454325724));
  p = multiplyAdd(p, u, f32x4.splat(0.9302784192569916));
  p = multiplyAdd(p, u, f32x4.splat(0.8118855069485508));
  p = multiplyAdd(p, u, f32x4.splat(0.2409322116987565));
  p = multiplyAdd(p, u, f32x4.splat(0.9999997600977317));
  p = cube(cube(cube(p)));
  return f32x4.sub(f32x4.add(x, u), f32x4.div(u, p));
}

@inline
function cube(x: v128): v128 {
  return f32x4.mul(f32x4.mul(x, x), x);
}
