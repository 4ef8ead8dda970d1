// Types of what we use of `standalone.module.js`, which comes without any: htm's package has them only for its other forms.
// A file that is not in the package, so no licence of theirs is about it.

/** What a screen returns. */
export interface VNode<P = any> {
  type: string | ComponentType<P>;
  props: P;
  key: string | number | null | undefined;
}
export type Child = VNode | string | number | bigint | boolean | null | undefined | Child[];
export type ComponentType<P = any> = ((props: P) => Child) | (new (props: P) => Component<P>);

/** A tagged template; attributes and children are values in `${…}`, and everything of a user becomes text. */
export function html(strings: TemplateStringsArray, ...values: unknown[]): VNode;
export function h<P>(type: string | ComponentType<P>, props: P | null, ...children: Child[]): VNode<P>;
export function render(tree: Child, parent: Element): void;

export abstract class Component<P = {}, S = {}> {
  constructor(props: P);
  props: P & { children?: Child };
  state: S;
  setState(patch: Partial<S> | ((state: S, props: P) => Partial<S> | null), done?: () => void): void;
  forceUpdate(done?: () => void): void;
  componentDidMount?(): void;
  componentDidUpdate?(before: P, was: S): void;
  componentWillUnmount?(): void;
  componentDidCatch?(error: unknown): void;
  abstract render(props: P, state: S): Child;
}

export interface Context<T> {
  Provider: ComponentType<{ value: T; children?: Child }>;
}
export function createContext<T>(initial: T): Context<T>;

export type Effect = () => void | (() => void);
export type Inputs = readonly unknown[];
export function useState<S>(initial: S | (() => S)): [S, (next: S | ((state: S) => S)) => void];
export function useState<S = undefined>(): [S | undefined, (next: S | undefined) => void];
export function useReducer<S, A>(reducer: (state: S, act: A) => S, initial: S): [S, (act: A) => void];
export function useEffect(effect: Effect, inputs?: Inputs): void;
export function useLayoutEffect(effect: Effect, inputs?: Inputs): void;
export function useRef<T>(initial: T): { current: T };
export function useRef<T>(initial: T | null): { current: T | null };
export function useImperativeHandle<T>(ref: { current: T | null }, make: () => T, inputs?: Inputs): void;
export function useMemo<T>(make: () => T, inputs: Inputs): T;
export function useCallback<F extends (...given: any[]) => unknown>(callback: F, inputs: Inputs): F;
export function useContext<T>(context: Context<T>): T;
export function useDebugValue(value: unknown): void;
export function useErrorBoundary(onError?: (error: unknown) => void): [unknown, () => void];
