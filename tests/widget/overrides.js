// A fetch that adds a header field of its own, which makes the gateway's CORS refuse what it sends.
const fetched = window.fetch;
window.fetch = (url, options = {}) => fetched(url, { ...options, headers: { 'x-page': '1' } });
// As a library of 2006 did: every array in JSON becomes a text.
Array.prototype.toJSON = function () { return '[' + this.length + ']'; };
// Enumerable, as careless extensions are, and of another behaviour than the language's.
Array.prototype.last = function () { return this[this.length - 1]; };
Object.prototype.owned = true;
for (const name of ['at', 'concat', 'every', 'filter', 'find', 'flat', 'forEach', 'includes', 'indexOf', 'join', 'map',
  'push', 'reduce', 'shift', 'slice', 'some', 'splice', 'unshift']) {
  const own = Array.prototype[name];
  // The driver's scripts run in the page too: only the widget's calls are broken.
  Array.prototype[name] = function (...given) {
    if (new Error().stack.split('\n')[2].indexOf('/widget') > 0) throw new Error('overridden: ' + name);
    return own.call(this, ...given);
  };
}
