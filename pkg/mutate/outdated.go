package mutate

import "github.com/rcroll/rcroll/pkg/api"

// Outdated answers a write that was made on a version of the object that is no longer the
// stored one. It is not decided: nothing of it is stored, and it must not be refused
// either, for the API server does not repeat what admission refuses, and the author has
// done nothing wrong. What is returned is the old object with a mark that no stored object
// has. To store that, the API server compares versions, finds another one, and applies the
// write to it, which is reviewed anew; had it nothing to store, it would not look.
func Outdated(write Write) Decision {
	object := undone(write)
	setAnnotation(object, api.LiveAnnotation, "outdated")
	return Decision{Meaning: Ignored, Object: object}
}
