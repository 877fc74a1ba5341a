/* Parts of channel_liar. */
#ifndef DURABILITY_CHANNEL_LIAR_H
#define DURABILITY_CHANNEL_LIAR_H

/* They count what holds and what does not, which they say. */
void liar_recover(unsigned *passed, unsigned *failed);
void liar_apps(unsigned *passed, unsigned *failed);
void liar_locks(unsigned *passed, unsigned *failed);
void liar_hub(unsigned *passed, unsigned *failed);

#endif
