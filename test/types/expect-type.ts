/** Accepts only a value of exactly the type `Expected`: `expectType<Tensor<[4]>>()(x)`. */
export function expectType<Expected>(): <Actual>(
  value: Actual,
  ...wrong: Same<Expected, Actual> extends true
    ? []
    : [{ readonly expected: Expected; readonly actual: Actual }]
) => void {
  return () => undefined;
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
