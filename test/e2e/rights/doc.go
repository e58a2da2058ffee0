// Package rights tests that rcroll's accounts have every right that they need, and none
// that they do not.
package rights
