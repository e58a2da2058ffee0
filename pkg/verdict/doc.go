// Package verdict asks the API server the user's own question: would it store this
// spec in this ReplicationController, if this user wrote it? The answer is a dry run of
// that very update, as that user: with the defaults, the pruned fields and the other
// mutating webhooks' changes of what would be stored, with the warnings that the user
// should read, and with the refusal of every policy and quota that judges this user and
// this object.
//
// It rests on constrained impersonation (Kubernetes 1.36 and later): the webhook's
// account may patch ReplicationControllers as somebody else and do nothing else in
// their name, which is no more than it may do in its own. Where the API server does not
// allow it (earlier versions, members of system:masters), the webhook asks in its own
// name, unless Options.UserOnly forbids that.
package verdict
