// The career-site tracker. It keeps nothing in the browser, and does nothing where a visitor asks not to be followed.
(function (window, document, navigator) {
  "use strict";
  function quietly(work) {
    return function () {
      try {
        return work.apply(this, arguments);
      } catch (error) {
        // The page matters more than its numbers.
      }
    };
  }
  quietly(function () {
    var script = document.currentScript;
    var key = script && script.getAttribute("data-site");
    var noTrack = [navigator.doNotTrack, window.doNotTrack];
    if (!key || noTrack.indexOf("1") > -1 || noTrack.indexOf("yes") > -1 || navigator.globalPrivacyControl) return;
    var target = new URL("/api/track", script.src).href;
    var query = new URLSearchParams(location.search);
    var from = {
      s: query.get("utm_source"),
      m: query.get("utm_medium"),
      c: query.get("utm_campaign"),
      i: query.get("utm_id"),
      r: document.referrer && new URL(document.referrer).hostname
    };
    var shown = "";

    function send(kind, more) {
      var marked = document.querySelector("[data-posting]");
      var told = { k: key, e: kind, p: location.pathname, j: marked && marked.getAttribute("data-posting") };
      var name;
      for (name in from) told[name] = from[name];
      for (name in more || {}) told[name] = more[name];
      for (name in told) told[name] ? (told[name] = String(told[name]).slice(0, 200)) : delete told[name];
      var body = JSON.stringify(told);
      if (!(navigator.sendBeacon && navigator.sendBeacon(target, body)) && window.fetch)
        fetch(target, { method: "POST", body: body, mode: "no-cors", credentials: "omit", keepalive: true }).catch(
          function () {}
        );
    }
    function view() {
      if (shown === location.pathname) return;
      // A page reached inside the site comes from the site itself; what brought the visitor was told with the first.
      if (shown) from = { r: location.hostname };
      shown = location.pathname;
      send("view");
      var sent = document.querySelector("[data-sourceboard=apply-complete]");
      if (sent) send("apply_complete", { a: sent.getAttribute("data-application") });
    }
    ["pushState", "replaceState"].forEach(function (name) {
      var original = history[name];
      history[name] = function () {
        var result = original.apply(this, arguments);
        setTimeout(quietly(view));
        return result;
      };
    });
    window.addEventListener("popstate", quietly(view));
    document.addEventListener(
      "click",
      quietly(function (event) {
        if (event.target.closest("[data-sourceboard=apply-start]")) send("apply_start");
      }),
      true
    );
    window.sourceboard = quietly(function (kind, more) {
      more = more || {};
      send(kind, { j: more.posting, a: more.application });
    });
    if (document.prerendering) document.addEventListener("prerenderingchange", quietly(view), { once: true });
    else if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", quietly(view));
    else view();
  })();
})(window, document, navigator);
