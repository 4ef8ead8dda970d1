// What the bundler writes into the service worker.

/** Another one as soon as any part is another. */
declare const BUILT_VERSION: string;
/** The addresses of all versioned parts: scripts, styles, pictures. */
declare const BUILT_PARTS: string[];
