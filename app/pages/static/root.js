// What all of the server's paths begin with: empty, or the path below which a proxy serves it.
export const root = document.documentElement.dataset.root;
