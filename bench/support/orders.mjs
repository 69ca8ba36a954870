/** The number of the order that the n-th delivery pays. */
export function orderNo(index) {
  return `bench${String(index).padStart(12, '0')}`;
}
