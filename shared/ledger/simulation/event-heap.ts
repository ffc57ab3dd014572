// Events in the order of their time; of the same time, in the order in which they were scheduled.

export type ScheduledEvent = {
  readonly at: number;
  readonly order: number;
};

const isBefore = (a: ScheduledEvent, b: ScheduledEvent): boolean =>
  a.at < b.at || (a.at === b.at && a.order < b.order);

export type EventHeap<E> = {
  readonly push: (event: E) => void;
  readonly peek: () => E | undefined;
  readonly pop: () => E | undefined;
};

export const createEventHeap = <E extends ScheduledEvent>(): EventHeap<E> => {
  const heap: E[] = [];
  const swap = (i: number, j: number): void => {
    [heap[i], heap[j]] = [heap[j] as E, heap[i] as E];
  };
  const less = (i: number, j: number): boolean => isBefore(heap[i] as E, heap[j] as E);
  const sink = (): void => {
    for (let i = 0; ;) {
      let smallest = i;
      for (const child of [2 * i + 1, 2 * i + 2])
        if (child < heap.length && less(child, smallest)) smallest = child;
      if (smallest === i) return;
      swap(i, smallest);
      i = smallest;
    }
  };
  return {
    peek: () => heap[0],
    push: (event) => {
      let i = heap.push(event) - 1;
      while (i > 0) {
        const parent = (i - 1) >> 1;
        if (!less(i, parent)) return;
        swap(i, parent);
        i = parent;
      }
    },
    pop: () => {
      const first = heap[0];
      const last = heap.pop();
      if (first === undefined || last === undefined || heap.length === 0) return first;
      heap[0] = last;
      sink();
      return first;
    },
  };
};
