import { type RefObject, useEffect, useRef, useState } from "react";

/** Whether an element is narrower than so many pixels: a widget may be so on a wide screen, too. */
export function useNarrow<E extends HTMLElement>(limit: number): [RefObject<E | null>, boolean] {
  const element = useRef<E>(null);
  const [isNarrow, setNarrow] = useState(false);
  useEffect(() => {
    if (!element.current) return;
    const sizes = new ResizeObserver(([entry]) => {
      if (entry) setNarrow(entry.contentRect.width < limit);
    });
    sizes.observe(element.current);
    return () => sizes.disconnect();
  }, [limit]);
  return [element, isNarrow];
}
