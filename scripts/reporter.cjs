'use strict';
const { Spec } = require('mocha').reporters;

/** mocha's spec report, the reasons of skipped tests, and a last line that any CI can read. */
module.exports = class SummaryReporter extends Spec {
  epilogue() {
    super.epilogue();
    const { passes, failures, pending } = this.stats;
    console.log(`${passes} passed, ${failures} failed` + (pending > 0 ? `, ${pending} skipped` : ''));
  }
};
