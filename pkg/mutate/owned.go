package mutate

// keepOwned lets a user's write of an owned ReplicationController change nothing, and
// says where to make it. It is no refusal, because scripts edit what they find
// (kubectl set image rc --all, kubectl scale rc -l app=tomcat): they find the user's
// ReplicationController, too, where the same edit does what they mean, and a refusal
// would fail them half-way.
//
// Nothing dangerous is lost by it. Who wants something else of these pods, or to stop
// them, reads which ReplicationController to edit; deletions are not writes. Finalizers
// and owner references are stored as they are when they come alone, in which case the
// webhook's matchConditions do not send them: who waits for one to be gone must not
// wait for ever.
func keepOwned(write Write) Decision {
	object := undone(write)
	object.SetManagedFields(write.Old.GetManagedFields())
	return Decision{Meaning: Ignored, Object: object, Warnings: []string{warnOwned(name(write.Old), ownerOf(write.Old))}}
}
